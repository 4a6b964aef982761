"""``python -m elmokit``, and the script ``elmokit``: the command line."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line; Ctrl-C is answered quietly also while it is being imported, and while it ends."""
    try:
        from elmokit.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("elmokit: interrupted\n")
        sys.exit(130)
    finally:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            # All is done, and what Python does at its end would be interrupted with a traceback.
            signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    main()
