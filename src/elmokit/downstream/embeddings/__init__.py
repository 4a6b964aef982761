"""The vectors that a downstream model reads its text through."""
