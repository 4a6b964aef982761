"""Whatever a server sends, reading a text ends, and what is not the text is not taken for it."""

from __future__ import annotations

import gzip
import http.server
import threading
import time
from dataclasses import dataclass, field

import pytest

from elmokit.data import remote_text, text_file
from elmokit.data.find import find_texts
from elmokit.data.prepare import prepare_corpus
from elmokit.data.read import read_sentences
from elmokit.errors import OutputError, TextError

pytest.importorskip("aiohttp")

TEXT = b"one two three\n" * 4000  # 56,000 bytes


@dataclass
class Site:
    url: str
    body: bytes = TEXT
    announced: int | None = None
    """The announced size, where it is not that of the body."""
    announces_size: bool = True
    drips: str | None = None
    """What comes byte by byte, slowly: ``headers`` or ``body``."""
    asked: list[str] = field(default_factory=list)


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        site: Site = self.server.site  # type: ignore[attr-defined]
        site.asked.append(self.command)
        if self.path == "/loop":
            self.send_response(302)
            self.send_header("Location", "/loop")
            self.end_headers()
            return
        if site.drips == "headers":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            self._drip()
            return
        wanted = self.headers["Range"]
        body = site.body
        if wanted and site.announces_size:
            start, end = (int(place) for place in wanted.removeprefix("bytes=").split("-"))
            body = body[start : end + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end}/{site.announced or len(site.body)}")
        else:
            self.send_response(200)
        if site.announces_size:
            is_whole = self.command == "HEAD" and site.announced is not None
            self.send_header("Content-Length", str(site.announced if is_whole else len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if site.drips == "body":
            self._drip()
        else:
            self.wfile.write(body)

    def _drip(self) -> None:
        try:
            for _ in range(600):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.01)
        except OSError:  # the reader has given up
            pass


@pytest.fixture
def site(monkeypatch, tmp_path):
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        server.site = Site(f"http://127.0.0.1:{server.server_port}/t.txt")  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.site  # type: ignore[attr-defined]
        server.shutdown()


def read(url: str) -> int:
    (file,) = find_texts(url)
    return sum(1 for _ in read_sentences(file))


@pytest.mark.parametrize("announces_size", [True, False])
def test_a_text_is_read_with_and_without_an_announced_size(site, announces_size):
    site.announces_size = announces_size
    assert read(site.url) == 4000
    site.body = gzip.compress(TEXT)
    assert read(site.url.replace(".txt", ".txt.gz")) == 4000


@pytest.mark.parametrize("beginning", [b"<!DOCTYPE html>", b"\n <html lang=en>", b"<!-- x --><HEAD>"])
@pytest.mark.parametrize("announces_size", [True, False])
def test_the_page_of_a_hotspot_is_no_text(site, beginning, announces_size):
    site.body, site.announces_size = beginning + b"<body>Log in to continue\n" * 9, announces_size
    with pytest.raises(TextError, match=r"t\.txt: the server sent a web page, as a hotspot"):
        prepare_corpus(site.url)
    with pytest.raises(TextError, match=r"cannot read|web page"):
        read(site.url + ".gz")
    assert read(site.url.replace(".txt", ".html")) == 9 + beginning.count(b"\n")  # this is what was asked for


def test_a_body_that_is_shorter_than_announced_is_no_text(site):
    site.announced = len(TEXT) + 9
    with pytest.raises(TextError, match=r"got 56,000 bytes, expected 56,009: try again"):
        read(site.url)


def test_an_announced_size_is_compared_with_the_room(site, tmp_path):
    site.announced = 10**15
    with pytest.raises(
        OutputError, match=r"the text has 1,000,000,000,000,000 bytes, but only [\d,]+ are free"
    ):
        prepare_corpus(site.url)
    assert list((tmp_path / "cache/corpora").iterdir()) == []


def test_without_an_announced_size_there_is_a_bound(site, monkeypatch):
    site.announces_size = False
    monkeypatch.setattr(remote_text, "_MAX_BYTES", 20_000)
    with pytest.raises(
        TextError, match="more than 20,000 bytes from a server that does not announce the size"
    ):
        read(site.url)


def test_a_body_that_drips_is_given_up(site, monkeypatch):
    site.announces_size, site.drips = False, "body"
    monkeypatch.setattr(remote_text, "_SLOW_SECONDS", 0.2)
    with pytest.raises(TextError, match=r"less than 1,000 bytes/s for 0\.2 s: download the file"):
        read(site.url)


@pytest.mark.parametrize("drips", ["headers", "body"])
def test_an_answer_that_drips_is_given_up(site, monkeypatch, drips):
    """Also a part of a file, which fsspec returns when all of it is there."""
    site.drips = drips
    monkeypatch.setattr(text_file, "_REQUEST_SECONDS", 0.3)
    with pytest.raises(TextError, match=r"no complete response within 0\.3 s: download the file"):
        read(site.url)


def test_reading_has_an_end(site, monkeypatch):
    monkeypatch.setattr(remote_text, "_MAX_HOURS", 0)
    with pytest.raises(TextError, match="not complete after 0 hours"):
        read(site.url)


def test_time_that_the_reader_spends_is_not_the_servers(site, monkeypatch):
    monkeypatch.setattr(remote_text, "_SLOW_SECONDS", 0.05)
    (file,) = find_texts(site.url)
    for number, _ in enumerate(read_sentences(file)):
        if number == 0:
            time.sleep(0.2)


def test_redirects_that_never_end(site):
    with pytest.raises(TextError):
        read(site.url.replace("t.txt", "loop"))
    assert len(site.asked) <= 60
