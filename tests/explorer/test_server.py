"""The server of the page, and how it reports errors, without a browser."""

from __future__ import annotations

import json
import logging
import socket
import threading
from http.client import HTTPConnection

import pytest
from playwright.sync_api import expect

from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError
from elmokit.explorer.app import make_app
from elmokit.explorer.explorer import Explorer
from elmokit.explorer.server import listen, make_server


@pytest.fixture(scope="module")
def port(golden):
    """The port of a running server."""
    explorer = Explorer(ElmoEmbedder.load(golden / "infer_models" / "no_clips"))
    with listen(0) as listener:
        server = make_server(make_app(explorer), listener)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.port
        server.shutdown()
        thread.join()


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


def show(port: int, text: object) -> dict:
    """Return the response to a click on the button."""
    body = {
        "output": "..shown.data...message.children..",
        "outputs": [{"id": "shown", "property": "data"}, {"id": "message", "property": "children"}],
        "inputs": [{"id": "show", "property": "n_clicks", "value": 1}],
        "state": [{"id": "text", "property": "value", "value": text}],
        "changedPropIds": ["show.n_clicks"],
    }
    status, answer = ask(port, "/_dash-update-component", body)
    assert status == 200
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
@pytest.mark.parametrize("path", ["/", "/_dash-layout", "/assets/explorer.css"])
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


def test_unusable_text_is_reported_in_one_line(port):
    for text in ("", "  \n ", None):
        answer = show(port, text)["response"]
        assert answer == {"message": {"children": "Type a sentence first: the text has no words."}}
    answer = show(port, "a b c\n" * 5000)["response"]
    assert answer["message"]["children"] == "Only the first 400 of 15,000 tokens are shown."
    answer = show(port, "play the guitar")["response"]
    assert answer == {"shown": {"data": [["play", "the", "guitar"]]}, "message": {"children": ""}}


def test_an_unexpected_error_is_one_line_and_its_traceback_is_logged(port, caplog):
    with caplog.at_level(logging.ERROR):
        answer = show(port, 17)
    assert "Something went wrong: AttributeError" in json.dumps(answer)
    assert "Traceback" in caplog.text
    assert show(port, "play")["response"]["message"]["children"] == ""


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
    assert "http" not in policy
    assert response.headers["X-Frame-Options"] == "DENY"
    connection.close()
    assert ask(port, "/alive") == (200, "yes")


@pytest.mark.browser
def test_the_page_says_when_the_server_has_ended(golden, page):
    explorer = Explorer(ElmoEmbedder.load(golden / "infer_models" / "no_clips"))
    with listen(0) as listener:
        server = make_server(make_app(explorer), listener)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.wait_for_selector("#text")
        assert page.locator("#server-ended").text_content() == ""
        server.shutdown()
        thread.join()
        server.server_close()
    expect(page.locator("#server-ended")).to_contain_text("The server has ended", timeout=15_000)
