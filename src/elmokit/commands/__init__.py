"""The commands of elmokit, one file per verb; each defines ``command``."""
