"""Addresses of texts are kept without their secrets, and asked for again where that is not enough."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from pathlib import Path

import pytest

from elmokit.data.prepare import prepare_corpus
from elmokit.data.sources import describe_changes
from elmokit.data.text_file import TextFile
from elmokit.errors import CheckpointError, CorpusError
from elmokit.training.text_addresses import read_text_addresses, write_text_addresses
from elmokit.training.text_checks import refuse_shared_files

NAMES = ("train_prefix", "heldout_prefix", "replay_prefix")
SECRETS = ("user", "passw0rd", "s1gnature")


@pytest.fixture
def site(texts):
    """A web server with the texts of the fixture."""
    pytest.importorskip("aiohttp")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(texts.directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://user:passw0rd@127.0.0.1:{server.server_port}"
        server.shutdown()


def everything_written(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())


def test_secrets_are_nowhere_and_a_resumed_run_asks_for_them(texts, make_trainer, run_cli, site):
    make_trainer(max_steps=2).config.save(texts.directory / "c.json")
    train, heldout = f"{site}/train-0.txt?sig=s1gnature", f"{site}/heldout.txt?sig=s1gnature"
    result = run_cli(
        *("train", "--train-prefix", train, "--heldout-prefix", heldout, "--json", "-v"),
        *("--vocab-file", "vocab.txt", "--save-dir", "run", "--config", "c.json"),
    )
    assert result.exit_code == 0, result.err
    shown = result.out + result.err
    written = everything_written(Path("run")) + everything_written(texts.directory / "cache")
    assert b"train-0.txt" in written
    for secret in SECRETS:
        assert secret not in shown
        assert secret.encode() not in written

    refused = run_cli("train", "--save-dir", "run", "--resume", "max_steps=3")
    address = site.replace("user:passw0rd@", "")
    assert refused.exit_code == 2
    assert refused.err == (
        f"elmokit: {address}/train-0.txt: the credentials and query of an address are not stored: "
        "give it again with --train-prefix\n"
    )
    again = run_cli(
        *("train", "--save-dir", "run", "--resume", "max_steps=3"),
        *("--train-prefix", train.replace("s1gnature", "new"), "--heldout-prefix", heldout),
    )
    assert again.exit_code == 0, again.err
    assert "resuming after step 2 of 3" in again.out


def test_errors_show_no_secrets(texts, run_cli, site):
    for url in (f"{site}/missing.txt?sig=s1gnature", "http://user:passw0rd@127.0.0.1:9/f.txt?sig=s1gnature"):
        for command in (["vocabulary", "--input", url, "-o", "v.txt"], ["info", url.replace(".txt", ".zip")]):
            result = run_cli(*command)
            assert result.exit_code == 2
            assert "http://127.0.0.1" in result.err
            assert not any(secret in result.out + result.err for secret in SECRETS)


def test_queries_tell_texts_apart(tmp_path):
    info = {"size": 3, "mtime": 1}
    states = [TextFile.remote(f"http://u:p@h/f?{query}", info).source_state for query in ("a=1", "a=2")]
    assert [state["path"] for state in states] == ["http://h/f"] * 2
    refuse_shared_files([states[0]], [states[1]])
    same = TextFile.remote("http://h/f?a=1", info).source_state
    with pytest.raises(CorpusError, match="http://h/f: training text and heldout text at the same time"):
        refuse_shared_files([states[0]], [same])
    assert describe_changes([states[0]], [states[1]]) == "http://h/f: missing; http://h/f: not there before"


def test_two_queries_are_two_prepared_texts(texts, site, tmp_path):
    for part in (1, 2):
        prepare_corpus(f"{site}/train-0.txt?part={part}", cache_dir=tmp_path / "corpora")
    assert len(list((tmp_path / "corpora").iterdir())) == 2


def test_local_paths_are_kept_as_they_are(tmp_path):
    given = {"train_prefix": ["a?b=c.txt", "me@home/*.txt"], "heldout_prefix": [], "replay_prefix": []}
    write_text_addresses(tmp_path, **given)
    assert json.loads((tmp_path / "texts.json").read_text()) == given
    assert read_text_addresses(tmp_path, **dict.fromkeys(NAMES, ())) == given


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"train_prefix": "abc"}', '{"train_prefix": [1]}', "[" * 9999]
)
def test_a_damaged_file(tmp_path, content):
    (tmp_path / "texts.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"texts\.json: damaged \("):
        read_text_addresses(tmp_path, **dict.fromkeys(NAMES, ()))


def test_without_the_file_the_texts_are_given_again(tmp_path):
    with pytest.raises(CheckpointError, match=r"texts\.json: missing, .*: give it again with --train-prefix"):
        read_text_addresses(tmp_path, **dict.fromkeys(NAMES, ()))
    given = {"train_prefix": ["a"], "heldout_prefix": [], "replay_prefix": []}
    assert read_text_addresses(tmp_path, **given) == given
