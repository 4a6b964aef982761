"""The server of the page, and how it reports errors, without a browser."""

from __future__ import annotations

import json
import logging
import socket
import threading
from http.client import HTTPConnection

import numpy as np
import pytest
from playwright.sync_api import expect

from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError
from elmokit.explorer import explorer as explorer_module
from elmokit.explorer.answers import Answers
from elmokit.explorer.explorer import Explorer
from elmokit.explorer.listening import listen
from elmokit.explorer.server import PageServer


@pytest.fixture(scope="module")
def port(golden):
    """The port of a running server."""
    explorer = Explorer(ElmoEmbedder.load(golden / "infer_models" / "no_clips"))
    with listen(0) as listener:
        server = PageServer(Answers([explorer]), listener)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.port
        server.shutdown()
        thread.join()
        server.server_close()


def ask(port: int, path: str, body: object = None, **headers: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        if body is None:
            connection.request("GET", path, headers=headers)
        else:
            headers["Content-Type"] = "application/json"
            connection.request("POST", path, json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def question(port: int, name: str, **asked: object) -> dict:
    """Return the answer to a question of the page."""
    status, answer = ask(port, f"/api/{name}", asked)
    assert (status == 200) == ("error" not in json.loads(answer))
    return json.loads(answer)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LOCALHOST:8050", "127.0.0.1:9"])
def test_requests_for_this_machine_are_served_through_any_port(port, host):
    status, page = ask(port, "/", Host=host)
    assert status == 200
    assert "elmokit explore" in page


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8050", "localhost.evil.example", "127.0.0.1.evil.example", "",
     "localhost:x", "127.0.0.1@evil.example", "[::1]", "10.0.0.1"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/alive", "/assets/explore_page.js"])
def test_a_request_for_another_host_is_refused(port, host, path):
    status, answer = ask(port, path, Host=host)
    assert status == 403
    assert "Sentences" not in answer


def test_the_page_has_no_external_links(port):
    _, page = ask(port, "/")
    assert "http://" not in page
    assert "https://" not in page


def test_other_addresses_of_this_machine_are_closed(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # sends nothing
        probe.connect(("192.0.2.1", 9))
        address = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no other address")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, port), timeout=10)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1.evil.example", "file://"]
)
def test_a_question_from_another_origin_is_refused(port, origin):
    assert ask(port, "/api/text", {"text": "play"}, Origin=origin)[0] == 403
    assert ask(port, "/api/text", {"text": "play"}, Origin="http://localhost:9")[0] == 200


def test_unusable_text_is_reported_in_one_line(port):
    for text in ("", "  \n "):
        answer = question(port, "text", text=text)
        assert answer == {
            "sentences": [],
            "num_first": None,
            "tokenized": False,
            "note": "Type a sentence first: the text has no words.",
        }
    answer = question(port, "text", text="a b c\n" * 5000)
    assert answer["note"] == "Only the first 400 of 15,000 tokens are shown."
    answer = question(port, "text", text="play the \ud83d", tokenize=False)
    assert answer == {"sentences": [["play", "the", "?"]], "num_first": None, "tokenized": False, "note": ""}


def test_two_texts_share_the_page(port):
    answer = question(port, "text", text="a b c\n" * 5000, second="d e\nf", tokenize=False)
    assert sum(map(len, answer["sentences"][: answer["num_first"]])) == 200
    assert answer["sentences"][answer["num_first"] :] == [["d", "e"], ["f"]]
    assert answer["note"] == "First text: Only the first 200 of 15,000 tokens are shown."
    nothing = question(port, "text", text=" ", second="d e")
    assert (nothing["sentences"], nothing["num_first"]) == ([], None)


PLAY = [["play", "the", "guitar"]]
BAD = [
    ("text", {}, "text: Field required"),
    ("text", {"text": 17}, "text: Input should be a valid string"),
    ("text", {"text": "a", "more": 1}, "more: Extra inputs are not permitted"),
    ("text", {"text": "x" * 1_000_001}, "text: String should have at most 1000000 characters"),
    ("words", {"sentences": []}, "sentences: List should have at least 1 item after validation, not 0"),
    ("words", {"sentences": [[]]}, "sentences: expected tokens without whitespace, at least one in each"),
    ("words", {"sentences": [["a b"]]}, "sentences: expected tokens without whitespace"),
    ("words", {"sentences": [["a"] * 401]}, "sentences: expected at most 400 tokens"),
    ("words", {"sentences": PLAY, "model": 1}, "model: expected 0 to 0, got 1"),
    ("map", {"sentences": PLAY, "weights": [1.0]}, "weights: expected 3 numbers, one for each layer, got 1"),
    ("map", {"sentences": PLAY, "method": "umap"}, "method: Input should be 'pca' or 'tsne'"),
    ("word", {"sentences": PLAY, "index": 3, "weights": [0.0, 0.0, 1.0]}, "index: expected 0 to 2, got 3"),
    ("moved", {"sentences": PLAY, "weights": [[1.0], [1.0]]}, "moved: there is only one model"),
    ("moved", {"sentences": PLAY, "weights": [[1.0]]}, "weights"),
    ("differences", {"sentences": PLAY * 2, "num_first": 2, "index": 0, "weights": [0.0, 0.0, 1.0]},
     "num_first: expected at most 1, got 2"),
    ("differences", {"sentences": PLAY * 2, "num_first": 1, "index": 6, "weights": [0.0, 0.0, 1.0]},
     "index: expected 0 to 5, got 6"),
    ("save", {"sentences": PLAY, "num_first": 1}, "num_first: expected at most 0, got 1"),
    ("word", {"sentences": PLAY, "index": -1, "weights": [0.0, 0.0, 1.0]}, "index: Input should be greater"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "asked", "message"), BAD)
def test_a_question_that_cannot_be_answered_is_one_line(port, name, asked, message):
    status, answer = ask(port, f"/api/{name}", asked)
    assert status == 400
    error = json.loads(answer)["error"]
    assert error.startswith(message)
    assert "\n" not in error


def test_what_is_no_question_is_refused(port):
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    for path, body, headers, status in (
        ("/api/text", "{", {"Content-Type": "application/json"}, 400),
        ("/api/text", "[" * 10_000, {"Content-Type": "application/json"}, 400),
        ("/api/text", b"\xff", {"Content-Type": "application/json"}, 400),
        ("/api/text", '{"text": "a"}', {"Content-Type": "text/plain"}, 415),
        ("/api/other", "{}", {"Content-Type": "application/json"}, 404),
        ("/api/text", "{}", {"Content-Type": "application/json", "Content-Length": "99999999"}, 413),
        ("/api/text", "{}", {"Content-Type": "application/json", "Content-Length": "-2"}, 411),
    ):
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert (response.status, list(answer)) == (status, ["error"])
        connection.close()
    for path in ("/assets/../server.py", "/assets/..%2f__init__.py", "/assets/", "/api/text", "/x"):
        assert ask(port, path)[0] == 404
    connection.request("PUT", "/")
    assert connection.getresponse().status == 501
    connection.close()


def test_an_unexpected_error_is_one_line_and_its_traceback_is_logged(port, caplog, monkeypatch):
    monkeypatch.setattr(Explorer, "explore", None)
    with caplog.at_level(logging.ERROR):
        status, answer = ask(port, "/api/words", {"sentences": PLAY})
    assert status == 500
    assert "Something went wrong: TypeError" in answer
    assert "Traceback" in caplog.text
    monkeypatch.undo()
    assert question(port, "words", sentences=PLAY)["unknown"] == [False] * 3


def test_a_slow_layout_keeps_nobody_from_the_model(port, monkeypatch):
    """One user's t-SNE does not block another's words."""
    started, finish = threading.Event(), threading.Event()

    def slow(layers, weights, method):
        started.set()
        assert finish.wait(60)
        return np.zeros((layers.shape[1], 2))

    monkeypatch.setattr(explorer_module, "map_of_mix", slow)
    asked = {"sentences": [["slow", "map"]], "method": "tsne"}
    thread = threading.Thread(target=ask, args=(port, "/api/map", asked))
    thread.start()
    assert started.wait(60)
    assert len(question(port, "words", sentences=[["somebody", "else"]])["unknown"]) == 2
    word = question(port, "word", sentences=PLAY, index=0, weights=[0.0, 0.0, 1.0])
    assert len(word["neighbors"]) == 2
    finish.set()
    thread.join()


def test_nothing_is_logged(port, capfd):
    ask(port, "/")
    ask(port, "/no-such-page")
    assert capfd.readouterr() == ("", "")


def test_a_port_in_use_is_an_error():
    with listen(0) as first:
        port = first.getsockname()[1]
        with pytest.raises(
            ConfigError, match=rf"^port {port}: Address already in use: choose another with --port"
        ):
            listen(port)


def test_the_default_port_gives_way_to_another():
    with listen(0) as first, listen(default_port=first.getsockname()[1]) as second:
        assert second.getsockname()[1] not in (0, first.getsockname()[1])


def test_the_page_may_not_be_framed_or_talk_to_others(port):
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/")
    response = connection.getresponse()
    response.read()
    policy = response.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert response.headers["X-Frame-Options"] == "DENY"
    connection.close()
    assert ask(port, "/alive") == (200, "yes")


@pytest.mark.browser
def test_the_page_says_when_the_server_has_ended(golden, page):
    explorer = Explorer(ElmoEmbedder.load(golden / "infer_models" / "no_clips"))
    with listen(0) as listener:
        server = PageServer(Answers([explorer]), listener)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.wait_for_selector("[data-ready]")
        assert page.locator("#server-ended").text_content() == ""
        server.shutdown()
        thread.join()
        server.server_close()
    expect(page.locator("#server-ended")).to_contain_text("The server has ended", timeout=15_000)


def raw(port: int, request: bytes) -> bytes:
    """What the server sends until it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


JSON_TO_TEXT = b"POST /api/text HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (JSON_TO_TEXT + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 413),
        (JSON_TO_TEXT + b"Content-Length: " + b"9" * 20 + b"\r\n\r\n", 413),
        (JSON_TO_TEXT + b"Content-Length: \xb2\r\n\r\n", 411),
        (JSON_TO_TEXT + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 411),
        (b"GET //[ HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (JSON_TO_TEXT.replace(b"/api/text", b"http://["), 404),
        (b"PUT / HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
        (b"OPTIONS /<script> HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
    ],
)
def test_what_is_no_request_is_refused_like_others(port, caplog, request_, status):
    head, _, body = raw(port, request_).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    for line in (
        b"Content-Type: application/json; charset=utf-8",
        b"nosniff",
        b"default-src 'none'",
        b"close",
    ):
        assert line in head
    assert json.loads(body)["error"]
    assert caplog.records == []


def test_a_head_request_has_no_body(port):
    answer = raw(port, b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 501 ")
    assert answer.endswith(b"\r\n\r\n")


def test_connections_that_send_nothing_do_not_keep_others_out(port):
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    try:
        for k, connection in enumerate(idle):
            if k % 2:
                connection.sendall(JSON_TO_TEXT + b"Content-Length: 1000\r\n\r\n{")
        for _ in range(3):
            assert ask(port, "/alive") == (200, "yes")
            assert question(port, "text", text="one two")["sentences"] == [["one", "two"]]
    finally:
        for connection in idle:
            connection.close()
