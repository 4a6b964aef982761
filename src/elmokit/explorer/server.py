"""Serve the page to the browsers of this machine only."""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from elmokit.errors import ElmokitError
from elmokit.explorer.answers import Answers
from elmokit.explorer.listening import ADDRESS
from elmokit.viewer.bundle import asset, asset_names

_NAMES = (ADDRESS, "localhost")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_TYPES = {"js": "text/javascript", "css": "text/css", "html": "text/html"}
_MAX_BODY = 8_000_000  # bytes: a text of the maximum length, with every character escaped
_MAX_CONNECTIONS = 64
_SECONDS = 30  # without a byte, after which a connection is closed
_SECONDS_TO_CLOSE = 1  # for the thread of a connection that gives way
_MAX_DIGITS = 20  # of a length; Python refuses to read thousands of them

_log = logging.getLogger(__name__)


class PageServer(ThreadingHTTPServer):
    """Serves the page and the answers to its questions, each in a thread; run it with ``serve_forever``.

    Requests with another host name are refused: otherwise a foreign page whose host name resolves to this
    machine could read ours (DNS rebinding). Questions from pages of another origin are refused as well. Any
    port is accepted, so that the page works through a tunnel. It writes no log of requests.

    Args:
        answers: answers the questions of the page.
        listener: a socket from :func:`~elmokit.explorer.listening.listen`; the server works with a duplicate
            and closes only that.
    """

    daemon_threads = True

    def __init__(self, answers: Answers, listener: socket.socket) -> None:
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener.dup()
        self.answers = answers
        self.port: int = listener.getsockname()[1]
        self._connections = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        self._open: set[socket.socket] = set()
        self._waiting: dict[socket.socket, None] = {}  # connections without a whole question, oldest first
        self._waiting_lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection. If there are too many, the one that has waited longest gives way."""
        if not self._connections.acquire(blocking=False):
            self._close_longest_waiting()
            if not self._connections.acquire(timeout=_SECONDS_TO_CLOSE):
                self.shutdown_request(request)
                return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection in its thread."""
        self._open.add(request)
        self.set_waiting(request, True)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.set_waiting(request, False)
            self._open.discard(request)
            self._connections.release()

    def set_waiting(self, connection: socket.socket, is_waiting: bool) -> None:
        """Note that a connection waits for a question, or that it has a whole one."""
        with self._waiting_lock:
            self._waiting.pop(connection, None)
            if is_waiting:
                self._waiting[connection] = None

    def _close_longest_waiting(self) -> None:
        with self._waiting_lock:
            connection = next(iter(self._waiting), None)
            if connection is not None:
                del self._waiting[connection]
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def server_close(self) -> None:
        """Close the socket and all connections, which browsers keep open for further questions."""
        super().server_close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what is not a browser that went away."""
        if not isinstance(sys.exception(), OSError):
            _log.error("unexpected error of the server:", exc_info=True)


def _is_ours(host: str) -> bool:
    """Return whether a ``Host`` header, or the host of an origin, is a name of this machine."""
    name, _, port = host.partition(":")
    return name.lower() in _NAMES and (port == "" or port.isdecimal())


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS
    server_version, sys_version = "elmokit", ""

    def do_GET(self) -> None:
        if not self._is_allowed():
            return
        path = self._url_path()
        name = path.removeprefix("/assets/")
        if path == "/":
            self._send(200, "text/html", asset("explore.html"))
        elif path == "/alive":
            self._send(200, "text/plain", "yes")
        elif path.startswith("/assets/") and name in asset_names():
            self._send(200, _TYPES[name.rpartition(".")[2]], asset(name))
        else:
            self._refuse(404, "there is no such page")

    def do_POST(self) -> None:
        if not self._is_allowed():
            return
        name = self._url_path().removeprefix("/api/")
        kinds = self.server.answers.kinds
        length = self.headers.get("Content-Length", "")
        if not self.path.startswith("/api/") or name not in kinds:
            self._refuse(404, "there is no such question")
        elif self.headers.get_content_type() != "application/json":
            self._refuse(415, "expected Content-Type: application/json")
        elif not length.isdecimal() or "Transfer-Encoding" in self.headers:
            self._refuse(411, "expected Content-Length")
        elif len(length) > _MAX_DIGITS or int(length) > _MAX_BODY:
            self._refuse(413, f"the text is too long: expected at most {_MAX_BODY:,} bytes")
        else:
            body = self.rfile.read(int(length))
            self.server.set_waiting(self.connection, False)
            self._answer(name, body)
            self.server.set_waiting(self.connection, True)

    def _url_path(self) -> str:
        try:
            return urlsplit(self.path).path
        except ValueError:  # such as half an IPv6 address
            return ""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no request as others are refused; ``message``, which repeats it, is left out."""
        self._refuse(code, HTTPStatus(code).phrase)

    def _answer(self, name: str, body: bytes) -> None:
        question_type, answer_to = self.server.answers.kinds[name]
        try:
            answer = answer_to(question_type.model_validate(json.loads(body)))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"])) or "question"
            self._refuse(400, f"{place}: {first['msg']}")
        except ElmokitError as error:
            self._refuse(400, str(error))
        except (ValueError, RecursionError):
            self._refuse(400, "expected JSON")
        except Exception as error:
            _log.error("unexpected error on the page:", exc_info=True)
            self._refuse(500, f"Something went wrong: {type(error).__name__}: {error}")
        else:
            if isinstance(answer, str):
                self._send(200, "text/html", answer)
            else:
                self._send(200, "application/json", json.dumps(answer))

    def _is_allowed(self) -> bool:
        origin = self.headers.get("Origin")
        if _is_ours(self.headers.get("Host", "")) and (origin is None or _is_ours(_host_of(origin))):
            return True
        self._refuse(403, "this page is for this machine only")
        return False

    def _refuse(self, status: int, reason: str) -> None:
        self.close_connection = True  # the body was perhaps not read
        self._send(status, "application/json", json.dumps({"error": reason}))

    def _send(self, status: int, kind: str, content: str) -> None:
        """Send an answer; no other page may show it in a frame, and it may load from this server only."""
        body = content.encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log: the terminal shows the address of the page only."""


def _host_of(origin: str) -> str:
    scheme, _, host = origin.partition("://")
    return host if scheme in ("http", "https") else ""
