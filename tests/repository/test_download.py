"""Downloads arrive whole or not at all, and go on where they broke: against a real server on this machine."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from elmokit.errors import DamagedCacheWarning, FetchError, MissingExtraError, OutputError
from elmokit.errors.installation import install_command
from elmokit.repository import bounds, remote_file
from elmokit.repository import download as module
from elmokit.repository.download import MissingFileError, UnreachableError, download

pytest.importorskip("requests")

CONTENT = bytes(range(256)) * 4000  # 1,024,000 bytes, each place recognizable
OTHER = CONTENT[::-1]


@dataclass
class Site:
    """What the server has, how it behaves, and what it was asked."""

    url: str
    content: bytes = CONTENT
    tag: str | None = '"one"'
    changed: float | None = None
    ranges: bool = True
    heeds_if_range: bool = True
    announces_size: bool = True
    cuts: list[int] = field(default_factory=list)
    """Bytes of the body after which the first, second, … answer breaks off."""
    failures: list[int] = field(default_factory=list)
    """Statuses of the first answers."""
    stall: threading.Event = field(default_factory=threading.Event)
    stall_after: int | None = None
    announced: int | None = None
    """The announced size, where it is not that of the body."""
    drips: str | None = None
    """What comes byte by byte, very slowly: ``headers`` or ``body``."""
    asked: list[str | None] = field(default_factory=list)
    """The Range of each request."""
    agents: list[str | None] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """Of the answers with a body."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        site = self.server.site
        wanted = self.headers["Range"]
        site.asked.append(wanted)
        site.agents.append(self.headers["User-Agent"])
        if site.failures:
            self.send_error(site.failures.pop(0))
            return
        if self.path == "/loop":
            self.send_response(302)
            self.send_header("Location", "/loop")
            self.end_headers()
            return
        if site.drips == "headers":
            self._drip()
            return
        if not self.path.startswith("/weights.hdf5"):
            self.send_error(404)
            return
        condition = self.headers["If-Range"]
        is_weak = condition is not None and condition.startswith("W/")
        holds = condition is None or (condition in (site.tag, self._date()) and not is_weak)
        same = holds or not site.heeds_if_range
        start = int(wanted[len("bytes=") : -1]) if wanted and site.ranges and same else 0
        if start and start >= len(site.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(site.content)}")
            self.end_headers()
            return
        body = site.content[start:]
        site.statuses.append(206 if start else 200)
        self.send_response(site.statuses[-1])
        if start:
            end = len(site.content)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        if site.announces_size:
            self.send_header("Content-Length", str(site.announced or len(body)))
        if site.tag:
            self.send_header("ETag", site.tag)
        if site.changed:
            self.send_header("Last-Modified", self._date())
        self.end_headers()
        if site.cuts:
            body = body[: site.cuts.pop(0)]
        if site.drips == "body":
            self._drip()
            return
        if site.stall_after is not None:
            self.wfile.write(body[: site.stall_after])
            site.stall.wait(30)
            return
        self.wfile.write(body)

    def _drip(self) -> None:
        while not self.server.site.stall.wait(0.02):
            self.wfile.write(b"H")

    def _date(self) -> str | None:
        changed = self.server.site.changed
        return formatdate(changed, usegmt=True) if changed else None

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    site: Site

    def handle_error(self, *_: object) -> None:
        """A client that goes away is part of the tests."""


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setattr(module, "_FIRST_DELAY_SECONDS", 0.0)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.site = Site(f"http://127.0.0.1:{server.server_port}/weights.hdf5")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server.site
        server.site.stall.set()
        server.shutdown()
        thread.join()


def visible(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir() if not entry.name.endswith(".lock"))


def test_a_file_arrives_once(site, tmp_path):
    path = tmp_path / "new" / "weights.bin"
    download(site.url, path, checksum=f"sha256:{hashlib.sha256(CONTENT).hexdigest()}")
    assert path.read_bytes() == CONTENT
    assert visible(path.parent) == ["weights.bin"]
    download(site.url, path)
    assert site.asked == [None]
    assert site.agents[0].startswith("elmokit/")


def test_a_present_file_needs_neither_network_nor_a_writable_directory(tmp_path):
    path = tmp_path / "weights.bin"
    path.write_bytes(b"here")
    download("http://127.0.0.1:9/weights.bin", path)
    assert visible(tmp_path) == ["weights.bin"]
    assert not (tmp_path / ".weights.bin.lock").exists()


def test_a_cut_connection_is_continued(site, tmp_path):
    site.cuts = [300_000, 200_000, 1]
    download(site.url, tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == CONTENT
    assert site.asked == [None, "bytes=300000-", "bytes=500000-", "bytes=500001-"]
    assert visible(tmp_path) == ["w"]


def test_tries_are_counted_without_progress_only(site, tmp_path):
    site.cuts = [1000] * 20
    download(site.url, tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == CONTENT
    assert len(site.asked) == 21


def test_a_connection_that_stays_broken_keeps_what_was_received(site, tmp_path):
    site.cuts = [300_000] + [0] * 4
    with pytest.raises(FetchError) as caught:
        download(site.url, tmp_path / "w")
    assert str(caught.value).startswith(f"{site.url}: the download failed 5 times (")
    assert str(caught.value).endswith(
        "; 300,000 of 1,024,000 bytes have been kept: try again to resume from there"
    )
    assert len(site.asked) == 5
    assert not (tmp_path / "w").exists()
    download(site.url, tmp_path / "w")
    assert site.asked[5:] == ["bytes=300000-"]
    assert (tmp_path / "w").read_bytes() == CONTENT


@pytest.mark.parametrize("heeds_if_range", [True, False])
def test_a_file_that_changed_meanwhile_is_fetched_anew(site, tmp_path, heeds_if_range):
    site.heeds_if_range = heeds_if_range
    site.cuts = [300_000] + [0] * 4
    with pytest.raises(FetchError):
        download(site.url, tmp_path / "w")
    site.content, site.tag = OTHER, '"two"'
    del site.statuses[:]
    download(site.url, tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == OTHER
    assert site.statuses == ([200] if heeds_if_range else [206, 200])


def test_a_file_that_became_shorter_is_fetched_anew(site, tmp_path):
    site.heeds_if_range = False
    site.cuts = [300_000] + [0] * 4
    with pytest.raises(FetchError):
        download(site.url, tmp_path / "w")
    site.content, site.tag = b"short", '"two"'
    download(site.url, tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == b"short"


def test_a_date_serves_where_there_is_no_strong_tag(site, tmp_path):
    site.tag, site.changed = 'W/"weak"', 1_500_000_000.0
    site.cuts = [300_000]
    download(site.url, tmp_path / "w")
    assert site.statuses == [200, 206]
    assert (tmp_path / "w").read_bytes() == CONTENT


@pytest.mark.parametrize("lacking", ["ranges", "tag"])
def test_without_ranges_or_a_way_to_recognize_the_file_it_starts_anew(site, tmp_path, lacking):
    if lacking == "ranges":
        site.ranges = False
    else:
        site.tag = None
    site.cuts = [300_000, 200_000]
    download(site.url, tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == CONTENT
    assert len(site.asked) == 3


def test_without_ranges_a_server_that_always_fails_is_given_up(site, tmp_path):
    site.ranges = False
    site.cuts = [300_000] * 20
    with pytest.raises(FetchError, match="failed 5 times"):
        download(site.url, tmp_path / "w")


def test_without_a_tag_nothing_is_kept(site, tmp_path):
    site.tag = None
    site.cuts = [300_000] * 5
    with pytest.raises(FetchError, match=r"nothing has been kept to resume from: try again later$"):
        download(site.url, tmp_path / "w")


def test_a_size_that_is_not_announced(site, tmp_path):
    site.announces_size = False
    download(site.url, tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == CONTENT


def test_an_empty_file(site, tmp_path):
    site.content = b""
    download(site.url, tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == b""


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_that_recovers(site, tmp_path, status):
    site.failures = [status, status]
    download(site.url, tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == CONTENT
    assert len(site.asked) == 3


def test_a_server_that_does_not_recover(site, tmp_path):
    site.failures = [500] * 5
    with pytest.raises(
        FetchError, match=r"failed 5 times \(the server responded with HTTP 500 Internal Server Error\)"
    ):
        download(site.url, tmp_path / "w")
    assert visible(tmp_path) == []


def test_a_missing_file_is_requested_once(site, tmp_path):
    url = site.url.replace("weights", "nothing")
    with pytest.raises(MissingFileError) as caught:
        download(url, tmp_path / "w")
    assert str(caught.value) == f"{url}: the server responded with HTTP 404 Not Found: check the URL"
    assert site.asked == [None]
    assert visible(tmp_path) == []


def test_no_connection_is_told_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(module.time, "sleep", lambda _: pytest.fail("tried again"))
    with pytest.raises(
        UnreachableError, match=r"^cannot reach 127\.0\.0\.1:9 to fetch http://127\.0\.0\.1:9/w \("
    ):
        download("http://127.0.0.1:9/w", tmp_path / "w")


def test_a_silent_server_times_out(site, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(module, "_TRIES", 1)
    site.stall_after = 3 * module._CHUNK_BYTES
    with pytest.raises(
        FetchError, match=r"\(no response for 0.2 s\); 98,304 of 1,024,000 bytes have been kept"
    ):
        download(site.url, tmp_path / "w")


def test_a_file_with_a_wrong_checksum_is_deleted(site, tmp_path):
    right, wrong = hashlib.md5(CONTENT).hexdigest(), "0" * 32
    with pytest.raises(FetchError) as caught:
        download(site.url, tmp_path / "w", checksum=f"md5:{wrong}")
    assert f"{site.url}: md5 {right}, expected {wrong}: damaged in transit" in str(caught.value)
    assert visible(tmp_path) == []
    download(site.url, tmp_path / "w", checksum=f"md5:{right.upper()}")
    assert site.asked == [None, None]


@pytest.mark.parametrize("checksum", ["0" * 64, "sha256:12", "crc:12345678"])
def test_a_malformed_checksum_is_refused_before_the_download(site, tmp_path, checksum):
    with pytest.raises(FetchError, match="expected sha256:, sha1: or md5: followed by hex digits"):
        download(site.url, tmp_path / "w", checksum=checksum)
    assert site.asked == []


@pytest.mark.parametrize("note", [b"", b"[]", b"\xff", b'{"source": 1}', None])
def test_a_damaged_note_means_to_start_anew(site, tmp_path, note):
    site.cuts = [300_000] + [0] * 4
    with pytest.raises(FetchError):
        download(site.url, tmp_path / "w")
    if note is None:
        (tmp_path / ".w.part.json").unlink()
    else:
        (tmp_path / ".w.part.json").write_bytes(note)
    download(site.url, tmp_path / "w")
    assert site.asked[5:] == [None]
    assert (tmp_path / "w").read_bytes() == CONTENT


def test_the_beginning_of_another_address_is_not_taken(site, tmp_path):
    site.cuts = [300_000] + [0] * 4
    with pytest.raises(FetchError):
        download(site.url, tmp_path / "w")
    site.content = OTHER
    download(site.url + "?other", tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == OTHER


def test_an_address_is_not_kept_on_the_disk(site, tmp_path):
    site.cuts = [300_000] + [0] * 4
    with pytest.raises(FetchError):
        download(site.url + "?signature=secret", tmp_path / "w")
    assert "secret" not in (tmp_path / ".w.part.json").read_text()


def test_a_complete_beginning_needs_no_network(site, tmp_path):
    site.cuts = [300_000] + [0] * 4
    with pytest.raises(FetchError):
        download(site.url, tmp_path / "w")
    (tmp_path / ".w.part").write_bytes(CONTENT)
    download(site.url, tmp_path / "w")
    assert len(site.asked) == 5
    assert (tmp_path / "w").read_bytes() == CONTENT


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_download_goes_on(site, tmp_path, number):
    arrived = 12 * module._CHUNK_BYTES
    site.stall_after = arrived
    program = "import sys, pathlib; from elmokit.repository.download import download; "
    program += "download(sys.argv[1], pathlib.Path(sys.argv[2]))"
    path = tmp_path / "w"
    process = subprocess.Popen([sys.executable, "-c", program, site.url, path], stderr=subprocess.PIPE)
    part = tmp_path / ".w.part"
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size == arrived):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == -number
    assert (b"KeyboardInterrupt" in err) == (number == signal.SIGINT)
    assert not path.exists()
    assert part.read_bytes() == CONTENT[:arrived]
    site.stall_after = None
    download(site.url, path)
    assert site.asked == [None, f"bytes={arrived}-"]
    assert path.read_bytes() == CONTENT


def test_several_at_once_fetch_once(site, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: download(site.url, tmp_path / "w"), range(4)))
    assert site.asked == [None]
    assert (tmp_path / "w").read_bytes() == CONTENT


def test_a_full_disk_is_told_and_what_is_there_stays(site, tmp_path, largest_file):
    error = pytest.raises(OutputError, match=r"\.w\.part: cannot write: File too large")
    with largest_file(300_000), error:
        download(site.url, tmp_path / "w")
    assert len(site.asked) == 1
    download(site.url, tmp_path / "w")
    assert site.asked[1:] == ["bytes=300000-"]
    assert (tmp_path / "w").read_bytes() == CONTENT


def test_a_directory_that_cannot_be_made(site, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        download(site.url, tmp_path / "file" / "w")
    assert site.asked == []


@pytest.mark.parametrize("protocol", ["file", "memory"])
def test_other_protocols(tmp_path, protocol, monkeypatch):
    monkeypatch.setattr(module, "_FIRST_DELAY_SECONDS", 0.0)
    source = tmp_path / "source" if protocol == "file" else "/elmokit-test/source"
    url = f"{protocol}://{source}"
    with fsspec.open(url, "wb") as file:
        file.write(CONTENT)
    download(url, tmp_path / "cache" / "w")
    assert (tmp_path / "cache" / "w").read_bytes() == CONTENT
    with pytest.raises(MissingFileError, match=r"nothing: no such file: check the URL$"):
        download(f"{url}-nothing", tmp_path / "cache" / "v")


def test_another_protocol_goes_on_where_it_broke(tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    file_system = fsspec.filesystem("file")
    seeks: list[int] = []

    class Breaking:
        def __init__(self, file):
            self.file = file

        def seek(self, position):
            seeks.append(position)
            self.file.seek(position)

        def read(self, size):
            if len(seeks) == 1 and self.file.tell():
                raise OSError(errno.ECONNRESET, "connection reset")
            return self.file.read(size)

        def close(self):
            self.file.close()

    opened = file_system.open
    monkeypatch.setattr(module, "_FIRST_DELAY_SECONDS", 0.0)
    monkeypatch.setattr(file_system, "open", lambda *args, **options: Breaking(opened(*args, **options)))
    download(f"file://{source}", tmp_path / "w")
    assert seeks == [0, module._CHUNK_BYTES]
    assert (tmp_path / "w").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("announced", "left", "reason"),
    [
        (len(CONTENT) + 1, len(CONTENT), "got 1,024,000 bytes, expected 1,024,001"),
        (10, None, "got more than the announced 10 bytes"),
    ],
)
def test_the_size_must_be_the_expected_one(tmp_path, monkeypatch, announced, left, reason):
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    file_system = fsspec.filesystem("file")
    info = file_system.info
    monkeypatch.setattr(module, "_FIRST_DELAY_SECONDS", 0.0)
    monkeypatch.setattr(file_system, "info", lambda name: {**info(name), "size": announced})
    with pytest.raises(FetchError, match=rf"{reason}\)"):
        download(f"file://{source}", tmp_path / "w")
    assert not (tmp_path / "w").exists()
    part = tmp_path / ".w.part"
    assert (part.stat().st_size if part.exists() else None) == left


def test_a_directory_is_not_a_file(tmp_path):
    with pytest.raises(MissingFileError, match="is a directory, expected a file"):
        download(f"file://{tmp_path}", tmp_path / "w")


def test_unknown_and_missing_protocols(tmp_path, monkeypatch):
    with pytest.raises(FetchError, match=r"^gopher://x/y: .*gopher"):
        download("gopher://x/y", tmp_path / "w")

    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(
        MissingExtraError, match=f"fetching http://b/y needs .*{re.escape(install_command('http'))}"
    ):
        download("http://b/y", tmp_path / "w")

    def missing(*_: object, **__: object) -> None:
        raise ImportError("no such package")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(
        MissingExtraError, match=f"fetching s3://b/y needs .*{re.escape(install_command('s3'))}"
    ):
        download("s3://b/y", tmp_path / "w")
    with pytest.raises(FetchError, match="gs://b/y: no such package"):
        download("gs://b/y", tmp_path / "w")


def test_progress_goes_to_a_terminal_only(site, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "_BAR_DELAY_SECONDS", 0)
    download(site.url, tmp_path / "v")
    assert capsys.readouterr() == ("", "")
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    site.cuts = [300_000] + [0] * 4
    with pytest.raises(FetchError):
        download(site.url, tmp_path / "w")
    shown = terminal.getvalue()
    assert "w:  29%" in shown
    assert "293k/0.98M [" in shown
    assert "connection lost, trying again" in shown
    terminal.truncate(0)
    download(site.url, tmp_path / "w")
    assert "w:  29%" in terminal.getvalue()
    assert "w:   0%" not in terminal.getvalue(), "a download that goes on is shown from there"


PAGE = b"<!DOCTYPE html>\n<html><body>Welcome to the airport: please log in</body></html>\n"


@pytest.mark.parametrize("name", ["weights.hdf5", "model.zip", "options.json", "vocab.txt", "any"])
def test_the_page_of_a_hotspot_is_never_kept(site, tmp_path, name):
    site.content = PAGE
    with pytest.raises(FetchError, match=r"the server sent a web page, .+: nothing of it has been kept"):
        download(site.url, tmp_path / name)
    assert visible(tmp_path) == []
    assert site.asked == [None]


def test_a_page_that_was_kept_earlier_is_downloaded_again(site, tmp_path):
    (tmp_path / "options.json").write_bytes(PAGE)
    site.content = b"{}"
    with pytest.warns(DamagedCacheWarning, match=r"options\.json is a web page, .+; it is downloaded again"):
        download(site.url, tmp_path / "options.json")
    assert (tmp_path / "options.json").read_bytes() == b"{}"


@pytest.mark.parametrize("tag", ['"one"', None])
def test_a_body_that_is_shorter_than_announced_is_never_kept(site, tmp_path, tag):
    site.tag, site.announced = tag, len(CONTENT) + 1
    site.ranges = False
    with pytest.raises(FetchError, match="failed 5 times"):
        download(site.url, tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_an_announced_size_is_compared_with_the_room(site, tmp_path):
    site.announced = 10**15
    with pytest.raises(
        OutputError, match=r"the file has 1,000,000,000,000,000 bytes, but only [\d,]+ are free$"
    ):
        download(site.url, tmp_path / "w")
    assert visible(tmp_path) == []
    assert len(site.asked) == 1


def test_without_an_announced_size_there_is_a_bound(site, tmp_path, monkeypatch):
    site.announces_size = False
    monkeypatch.setattr(bounds, "_MAX_BYTES", 500_000)
    with pytest.raises(
        FetchError, match="more than 500,000 bytes from a server that does not announce the size"
    ):
        download(site.url, tmp_path / "w")
    assert visible(tmp_path) == []
    assert len(site.asked) == 1


def test_a_server_that_sends_one_byte_at_a_time_is_given_up(site, tmp_path):
    site.cuts = [1] * 1000
    with pytest.raises(
        FetchError, match=r"the download failed 50 times \(.+\); 50 of 1,024,000 bytes have been"
    ):
        download(site.url, tmp_path / "w")
    assert len(site.asked) == 50


def test_a_body_that_drips_is_given_up(site, tmp_path, monkeypatch):
    site.drips = "body"
    monkeypatch.setattr(bounds, "_SLOW_SECONDS", 0.2)
    with pytest.raises(FetchError, match=r"failed 5 times \(less than 1,000 bytes/s for 0\.2 s\)"):
        download(site.url, tmp_path / "w")


def test_headers_that_drip_are_given_up(site, tmp_path, monkeypatch):
    site.drips = "headers"
    monkeypatch.setattr(remote_file, "_RESPONSE_SECONDS", 0.2)
    with pytest.raises(FetchError, match=r"failed 5 times \(no complete response within 0\.2 s\)"):
        download(site.url, tmp_path / "w")


def test_a_download_has_an_end(site, tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "_MAX_HOURS", 0)
    with pytest.raises(FetchError, match="not complete after 0 hours"):
        download(site.url, tmp_path / "w")


def test_redirects_that_never_end(site, tmp_path):
    with pytest.raises(MissingFileError, match=r"Exceeded 10 redirects: check the URL$"):
        download(site.url.replace("weights.hdf5", "loop"), tmp_path / "w")
    assert len(site.asked) == 11


def test_the_note_tells_the_state_of_the_remote_file(site, tmp_path):
    site.cuts = [300_000] + [0] * 4
    with pytest.raises(FetchError):
        download(site.url, tmp_path / "w")
    note = json.loads((tmp_path / ".w.part.json").read_text())
    assert (note["validator"], note["total"]) == ('"one"', len(CONTENT))
