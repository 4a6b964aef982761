"""The socket of the page, which only this machine can reach."""

from __future__ import annotations

import errno
import os
import socket

from elmokit.errors import ConfigError

ADDRESS = "127.0.0.1"
DEFAULT_PORT = 8050


def listen(port: int | None = None, *, default_port: int = DEFAULT_PORT) -> socket.socket:
    """Open a socket that accepts connections from this machine only.

    Args:
        port: the port, or 0 for any free one; None for ``default_port``, or any free one if that is in use.
        default_port: the preferred port if none is given.

    Raises:
        ConfigError: if the port is in use or not permitted.
    """
    try:
        return socket.create_server((ADDRESS, default_port if port is None else port))
    except OSError as error:
        if port is None and error.errno == errno.EADDRINUSE:
            return socket.create_server((ADDRESS, 0))
        raise ConfigError(
            f"port {port}: {os.strerror(error.errno or 0)}: "
            "choose another with --port, or 0 for any free port"
        ) from None
