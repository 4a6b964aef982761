"""Several processes of this machine, and signals that reach them in the middle of their work.

The processes are started with ``spawn``, which is safe whatever threads and libraries this process uses. As
always with ``spawn``, a script that uses them must guard its main part with
``if __name__ == "__main__":``.
"""

from elmokit.processes.pool import (
    MOST_PROCESSES,
    available_processors,
    chosen_number,
    ordered_map,
    worker_number,
)

__all__ = ["MOST_PROCESSES", "available_processors", "chosen_number", "ordered_map", "worker_number"]
