"""``python -m elmokit``, and the script ``elmokit``: the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; Ctrl-C is answered quietly also while it is being imported."""
    try:
        from elmokit.cli import main as run
    except KeyboardInterrupt:
        sys.stderr.write("elmokit: interrupted\n")
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
