"""Serve the page to the browsers of this machine only."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Any

from elmokit.errors import ConfigError

if TYPE_CHECKING:
    from dash import Dash
    from flask import Response
    from werkzeug.serving import BaseWSGIServer

ADDRESS = "127.0.0.1"
DEFAULT_PORT = 8050
_NAMES = (ADDRESS, "localhost")
# Dash's own scripts are inline and use eval.
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


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


def make_server(app: Dash, listener: socket.socket) -> BaseWSGIServer:
    """Create a server for the page; run it with ``serve_forever``. It writes no log.

    Requests with another host name are refused: otherwise a foreign page whose host name resolves to this
    machine could read ours (DNS rebinding). Any port is accepted, so that the page works through a tunnel.

    Args:
        app: the page.
        listener: a socket from :func:`listen`; the server works with a duplicate and closes only that.
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

    def protect(response: Response) -> Response:
        """Let the page talk to this server only, and let no other page show it in a frame."""
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    app.server.before_request(refuse_other_hosts)
    app.server.after_request(protect)
    app.server.add_url_rule("/alive", "alive", lambda: "yes")
    return make_server(
        ADDRESS,
        listener.getsockname()[1],
        app.server,
        threaded=True,
        request_handler=QuietHandler,
        fd=listener.fileno(),
    )
