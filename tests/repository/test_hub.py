"""Models go to the Hub and come back the same: against a small Hub on this machine."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import re
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from elmokit.errors import FetchError, MissingExtraError, ModelFileError, OutputError
from elmokit.errors.installation import install_command
from elmokit.repository import hub_bounds
from elmokit.repository.hub import fetch_snapshot, push_directory

pytest.importorskip("huggingface_hub")
constants = importlib.import_module("huggingface_hub.constants")

HDF5 = (
    b"\x89HDF\r\n\x1a\n\x02\x08\x08\x00" + (0).to_bytes(16, "little") + (48).to_bytes(8, "little") + bytes(99)
)
FILES = {
    "config.json": b'{"a": 1}\n',
    "model.safetensors": bytes(range(256)) * 100,
    "weights.hdf5": HDF5,
    "vocab.txt": "<S>\nnaïve\n".encode(),
    "vocab.txt.gz": b"\x1f\x8b\x00",
    "README.md": b"---\nlicense: mit\n---\n# A model\n",
    "tokenizer/extra.json": b"[]",
}
STAY = {"pytorch_model.bin": b"pickle", "model.pt": b"pickle", ".secret.json": b"{}", "log.tfevents": b""}


@dataclass
class Repository:
    private: bool = False
    branches: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"main": {}})
    messages: list[str] = field(default_factory=list)

    def find(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        for name, files in self.branches.items():
            sha = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
            if revision in (name, sha):
                return sha, files
        return None


@dataclass
class Hub:
    """What the server has, what it refuses, and what it was asked."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    failing: int | None = None
    """A status that every request gets."""
    page: bytes | None = None
    """What every request gets with status 200, as from a hotspot."""
    loops: bool = False
    """Every answer is a redirection to the same place."""
    announced: int | None = None
    """The size of every file, whatever it is."""
    drips: threading.Event | None = None
    """Files never come to their end, until the event is set."""
    asked: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub = self.server.hub
        size = int(self.headers["Content-Length"] or 0)
        body = self.rfile.read(size) if size else b""
        path = unquote(urlsplit(self.path).path)
        hub.asked.append(f"{self.command} {path}")
        may_write = self.headers["Authorization"] == "Bearer right"
        if hub.loops:
            return self._send(302, {}, {"Location": self.path})
        if hub.page is not None:
            return self._send(200, hub.page)
        if hub.failing is not None:
            return self._send(hub.failing, {"error": "out of order"})
        if path == "/api/validate-yaml":
            return self._send(200, {"errors": [], "warnings": []})
        if path == "/api/repos/create":
            return self._create(json.loads(body), may_write)
        parts = path.removeprefix("/api/models").strip("/").split("/", 4)
        name, rest = "/".join(parts[:2]), parts[2:]
        repository = hub.repositories.get(name)
        if repository is None or (repository.private and not may_write):
            return self._send(401, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        if name in hub.gated and not may_write:
            return self._send(403, {"error": "gated"}, {"X-Error-Code": "GatedRepo"})
        if self.command == "POST" and not may_write:
            return self._send(403, {"error": "no right to write"})
        if rest[:1] == ["branch"]:
            repository.branches[rest[1]] = dict(repository.branches["main"])
            return self._send(200, {})
        found = repository.find(rest[1] if rest else "main")
        if found is None:
            return self._send(404, {"error": "Invalid rev"}, {"X-Error-Code": "RevisionNotFound"})
        sha, files = found
        match rest[0] if rest else "revision":
            case "revision":
                info = {"id": name, "sha": sha, "private": repository.private, "siblings": [], "tags": []}
                return self._send(200, info)
            case "tree":
                return self._send(200, [_entry(path, data, hub.announced) for path, data in files.items()])
            case "preupload":
                wanted = [file["path"] for file in json.loads(body)["files"]]
                modes = [{"path": path, "uploadMode": "regular", "shouldIgnore": False} for path in wanted]
                return self._send(200, {"files": modes})
            case "commit":
                return self._commit(name, repository, files, body)
            case "resolve":
                return self._resolve(sha, files["/".join(rest[2:])])
        return self._send(404, {"error": f"no such thing: {path}"})

    def _create(self, wanted: dict, may_write: bool) -> None:
        hub = self.server.hub
        if not may_write:
            return self._send(401, {"error": "Invalid credentials"})
        name = f"{wanted['organization'] or 'me'}/{wanted['name']}"
        answer = {"url": f"{hub.url}/{name}"}
        if name in hub.repositories:
            return self._send(409, answer)
        private = wanted.get("private") or wanted.get("visibility") == "private"
        hub.repositories[name] = Repository(bool(private))
        return self._send(200, answer)

    def _commit(self, name: str, repository: Repository, files: dict[str, bytes], body: bytes) -> None:
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "header":
                repository.messages.append(line["value"]["summary"])
            elif line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        url = f"{self.server.hub.url}/{name}/commit/{'0' * 40}"
        self._send(200, {"success": True, "commitOid": "0" * 40, "commitUrl": url})

    def _resolve(self, sha: str, data: bytes) -> None:
        self.send_response(200)
        self.send_header("X-Repo-Commit", sha)
        self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
        hub = self.server.hub
        self.send_header("Content-Length", str(hub.announced or len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data[:5] if hub.drips else data)
            if hub.drips:
                hub.drips.wait(20)

    def _send(self, status: int, answer: object, headers: dict[str, str] | None = None) -> None:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def _entry(path: str, data: bytes, announced: int | None) -> dict[str, object]:
    return {
        "type": "file",
        "path": path,
        "size": announced or len(data),
        "oid": hashlib.sha1(data).hexdigest(),
    }


class _Server(ThreadingHTTPServer):
    hub: Hub


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.hub = Hub(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", server.hub.url)
        monkeypatch.setenv("HF_TOKEN", "right")
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        yield server.hub
        server.shutdown()
        thread.join()


@pytest.fixture
def model(tmp_path):
    directory = tmp_path / "model"
    for name, data in (FILES | STAY).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(data)
    return directory


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def test_what_is_pushed_comes_back_the_same(hub, model, capsys):
    assert push_directory(model, "me/elmo", commit_message="First") == f"{hub.url}/me/elmo"
    repository = hub.repositories["me/elmo"]
    assert repository.branches["main"] == FILES
    assert repository.messages == ["First"]
    assert not repository.private
    assert contents(fetch_snapshot("me/elmo")) == FILES
    assert capsys.readouterr().out == ""


def test_files_are_downloaded_once_and_found_without_a_network(hub, model, monkeypatch):
    push_directory(model, "me/elmo")
    directory = fetch_snapshot("me/elmo")
    num_files = sum(asked.startswith("GET /me/elmo/resolve/") for asked in hub.asked)
    assert num_files == len(FILES)
    assert fetch_snapshot("me/elmo") == directory
    assert sum(asked.startswith("GET /me/elmo/resolve/") for asked in hub.asked) == num_files
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert fetch_snapshot("me/elmo") == directory


def test_pickles_are_never_fetched(hub):
    hub.repositories["me/elmo"] = Repository(branches={"main": FILES | STAY})
    assert contents(fetch_snapshot("me/elmo")) == FILES
    assert not any(name in asked for asked in hub.asked for name in STAY)


def test_pushing_again_replaces_and_keeps_the_rest(hub, model):
    hub.repositories["me/elmo"] = Repository(branches={"main": {"config.json": b"old", "more.json": b"kept"}})
    push_directory(model, "me/elmo")
    assert hub.repositories["me/elmo"].branches["main"] == FILES | {"more.json": b"kept"}


def test_a_revision_is_a_branch(hub, model):
    push_directory(model, "me/elmo", revision="second")
    branches = hub.repositories["me/elmo"].branches
    assert (branches["main"], branches["second"]) == ({}, FILES)
    assert contents(fetch_snapshot("me/elmo", revision="second")) == FILES
    with pytest.raises(FetchError) as caught:
        fetch_snapshot("me/elmo", revision="third")
    assert str(caught.value) == "me/elmo at third: no such branch, tag or commit in the repository"


def test_private(hub, model, monkeypatch):
    push_directory(model, "me/elmo", private=True)
    assert hub.repositories["me/elmo"].private
    push_directory(model, "me/elmo", private=True)
    assert contents(fetch_snapshot("me/elmo")) == FILES
    monkeypatch.setenv("HF_TOKEN", "wrong")
    with pytest.raises(
        FetchError, match=r"^me/other: no such repository on the Hub, or it is private: check the"
    ):
        fetch_snapshot("me/other")


def test_what_is_private_is_never_pushed_in_public(hub, model):
    hub.repositories["me/elmo"] = Repository()
    with pytest.raises(
        FetchError, match=r"/me/elmo already exists and is public: make it private on its page"
    ):
        push_directory(model, "me/elmo", private=True)
    assert hub.repositories["me/elmo"].branches["main"] == {}


def test_a_gated_repository(hub, monkeypatch):
    hub.repositories["me/elmo"] = Repository(branches={"main": FILES})
    hub.gated.add("me/elmo")
    assert contents(fetch_snapshot("me/elmo")) == FILES
    hub.repositories["me/other"] = Repository(branches={"main": FILES})
    hub.gated.add("me/other")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(FetchError) as caught:
        fetch_snapshot("me/other")
    assert str(caught.value) == (
        "me/other: the owner requires you to accept terms: do so on its page, then log in with hf auth "
        "login or set HF_TOKEN"
    )


def test_pushing_without_a_token(hub, model, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(FetchError) as caught:
        push_directory(model, "me/elmo")
    assert str(caught.value) == (
        "me/elmo: the Hub denied access (HTTP 401): log in with hf auth login or set HF_TOKEN to a "
        "token with this permission"
    )
    assert hub.repositories == {}


def test_a_missing_repository(hub):
    with pytest.raises(FetchError) as caught:
        fetch_snapshot("me/elmo")
    assert str(caught.value) == (
        "me/elmo: no such repository on the Hub, or it is private: check the name; for a private "
        "repository log in with hf auth login or set HF_TOKEN"
    )


def test_a_repository_without_a_model(hub):
    hub.repositories["me/elmo"] = Repository(branches={"main": STAY})
    with pytest.raises(
        FetchError, match=r"^me/elmo: no model in this repository, expected some of \*\.json, "
    ):
        fetch_snapshot("me/elmo")


@pytest.mark.parametrize("name", ["a/b/c", "me/elmo!", "", "x" * 100])
def test_what_cannot_be_a_name(hub, model, name):
    for call in (lambda: fetch_snapshot(name), lambda: push_directory(model, name)):
        with pytest.raises(FetchError, match="not the name of a repository, expected owner/name"):
            call()
    assert hub.asked == []


def test_a_broken_hub(hub, model):
    hub.failing = 400
    with pytest.raises(
        FetchError, match=r"^me/elmo: the Hub responded with HTTP 400: out of order: try again later$"
    ):
        fetch_snapshot("me/elmo")
    with pytest.raises(
        FetchError, match=r"^me/elmo: the Hub responded with HTTP 400: out of order: try again later$"
    ):
        push_directory(model, "me/elmo")


def test_offline(hub, model, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for call in (lambda: fetch_snapshot("me/elmo"), lambda: push_directory(model, "me/elmo")):
        with pytest.raises(
            FetchError,
            match=r"^me/elmo: cannot reach the Hub \(.*refused\): check the network and HF_HUB_OFFLINE;",
        ):
            call()


def test_nothing_to_push(hub, tmp_path):
    with pytest.raises(ModelFileError, match="nowhere: no such directory: expected the directory of a model"):
        push_directory(tmp_path / "nowhere", "me/elmo")
    (tmp_path / "model.pt").write_text("pickle")
    with pytest.raises(ModelFileError, match="no model in this directory, expected some of"):
        push_directory(tmp_path, "me/elmo")
    assert hub.asked == []


def test_a_cache_that_cannot_be_written(hub, tmp_path, monkeypatch):
    hub.repositories["me/elmo"] = Repository(branches={"main": FILES})
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match=r"Not a directory|File exists"):
        fetch_snapshot("me/elmo")


def test_without_the_extra(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(
        MissingExtraError, match=f"fetching me/elmo needs .*{re.escape(install_command('hub'))}"
    ):
        fetch_snapshot("me/elmo")
    with pytest.raises(
        MissingExtraError, match=f"pushing to me/elmo needs .*{re.escape(install_command('hub'))}"
    ):
        push_directory(model, "me/elmo")


# --- answers that a Hub does not give ------------------------------------------------------------


@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html><html>Log in</html>", b"[1, 2]", b"{}", b'{"sha": 5}', b""]
)
def test_the_page_of_a_hotspot_is_no_model(hub, page):
    hub.page = page
    with pytest.raises(FetchError, match=r"me/elmo: ") as raised:
        fetch_snapshot("me/elmo")
    assert "\n" not in str(raised.value)


def test_a_page_among_the_files_is_never_kept(hub, model, tmp_path):
    page = b"<html>Log in</html>"
    hub.repositories["me/elmo"] = Repository(branches={"main": {**FILES, "config.json": page}})
    with pytest.raises(FetchError, match=r"me/elmo: config\.json is a web page, .*: nothing of it has"):
        fetch_snapshot("me/elmo")
    assert page not in contents(tmp_path / "hub-cache").values()
    hub.repositories["me/elmo"].branches["main"] = dict(FILES)
    assert contents(fetch_snapshot("me/elmo")) == FILES


def test_redirects_that_never_end(hub):
    hub.loops = True
    with pytest.raises(FetchError, match="me/elmo: cannot reach the Hub"):
        fetch_snapshot("me/elmo")
    assert len(hub.asked) < 100


def test_an_announced_size_is_compared_with_the_room(hub, model):
    push_directory(model, "me/elmo")
    hub.announced = 10**15
    with pytest.raises(OutputError, match=r"me/elmo has [\d,]+ bytes, but only [\d,]+ are free"):
        fetch_snapshot("me/elmo")


def mend(hub: Hub) -> None:
    """Let what goes on in the background come to its end."""
    event, hub.drips = hub.drips, None
    assert event is not None
    event.set()
    for thread in threading.enumerate():
        if thread.name == "elmokit-waiting":
            thread.join(20)


def test_a_download_that_does_not_grow_is_given_up(hub, model, monkeypatch):
    push_directory(model, "me/elmo")
    hub.drips = threading.Event()
    monkeypatch.setattr(hub_bounds, "_SLOW_SECONDS", 0.5)
    try:
        with pytest.raises(FetchError, match=r"me/elmo: less than 1,000 bytes/s for 0\.5 s: try again later"):
            fetch_snapshot("me/elmo")
    finally:
        mend(hub)


def test_a_download_has_an_end(hub, model, monkeypatch):
    push_directory(model, "me/elmo")
    hub.drips = threading.Event()
    monkeypatch.setattr(hub_bounds, "_SLOW_SECONDS", 0.3)
    monkeypatch.setattr(hub_bounds, "_SLOWEST_BYTES_PER_SECOND", -(10**9))
    monkeypatch.setattr(hub_bounds, "_MAX_HOURS", 0)
    try:
        with pytest.raises(FetchError, match="me/elmo: not complete after 0 hours"):
            fetch_snapshot("me/elmo")
    finally:
        mend(hub)
