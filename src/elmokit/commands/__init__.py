"""The commands of elmokit, one file or package per verb; each defines ``command``."""
