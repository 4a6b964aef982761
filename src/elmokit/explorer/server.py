"""Serving the page to the browsers of this machine, and to nobody else."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Any

from elmokit.errors import ConfigError

if TYPE_CHECKING:
    from dash import Dash
    from werkzeug.serving import BaseWSGIServer

ADDRESS = "127.0.0.1"
USUAL_PORT = 8050
_NAMES = (ADDRESS, "localhost")


def listen(port: int | None = None) -> socket.socket:
    """A socket on which this machine alone can connect.

    Args:
        port: 0 for any that is free; None for the usual one, or any if that is taken.

    Raises:
        ConfigError: when the port is taken or not allowed.
    """
    try:
        return socket.create_server((ADDRESS, USUAL_PORT if port is None else port))
    except OSError as error:
        if port is None and error.errno == errno.EADDRINUSE:
            return socket.create_server((ADDRESS, 0))
        raise ConfigError(
            f"port {port}: {os.strerror(error.errno or 0)}: give another by --port, or 0 for any that is free"
        ) from None


def make_server(app: Dash, listener: socket.socket) -> BaseWSGIServer:
    """A server of the page, to be run by ``serve_forever``; it writes no log.

    Requests that name another host are refused: a page elsewhere whose name is made to point to this machine
    could read ours (DNS rebinding). Any port will do, for tunnels.

    Args:
        app: the page.
        listener: from :func:`listen`; the server closes a copy of its own.
    """
    from flask import abort, request
    from werkzeug.serving import WSGIRequestHandler, make_server

    class QuietHandler(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: Any) -> None:
            pass

    def refuse_other_hosts() -> None:
        name, _, port = request.headers.get("Host", "").partition(":")
        if name.lower() not in _NAMES or not (port == "" or port.isdecimal()):
            abort(403)

    app.server.before_request(refuse_other_hosts)
    return make_server(
        ADDRESS,
        listener.getsockname()[1],
        app.server,
        threaded=True,
        request_handler=QuietHandler,
        fd=listener.fileno(),
    )
