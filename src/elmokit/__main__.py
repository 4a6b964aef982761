"""``python -m elmokit``: the command line."""

from elmokit.cli import main

if __name__ == "__main__":
    main()
