"""Text and vectors in an S3-like store: moto's server on this machine."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.request import Request, urlopen

import pytest

from elmokit.data.find import find_texts
from elmokit.data.prepare import prepare_corpus
from elmokit.data.read import read_sentence_blocks
from elmokit.data.sharding import write_shards
from elmokit.data.word_counts import count_words
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import OutputError, TextError
from elmokit.formats.parquet_vectors import MANIFEST
from elmokit.integrations.embedding_job import do_part, finish_job, plan_job, unfinished_parts

pytestmark = pytest.mark.filterwarnings("ignore")  # of boto and moto

CONFIG = """
[model.char_cnn]
embedding_dim = 4
filters = [[1, 4], [2, 4]]
num_highway = 1
max_characters = 10
[model.lstm]
cell_dim = 8
projection_dim = 4
[training]
batch_size = 2
unroll_steps = 5
num_negatives = 0
max_steps = 2
histogram_interval = 0
"""
TEXT = "the cat sat\n\non the mat .\nnaïve 我\n" * 20


class Server:
    """moto's server. What is stored survives that it stops and starts again."""

    def __init__(self) -> None:
        self._module = pytest.importorskip("moto.server")
        self._port = 0
        self.start()

    def start(self) -> None:
        self._running: Any = self._module.ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
        self._running.start()
        _, self._port = self._running.get_host_and_port()

    def stop(self) -> None:
        self._running.stop()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"


@pytest.fixture
def server():
    server = Server()
    urlopen(Request(f"{server.address}/moto-api/reset", method="POST")).close()
    yield server
    server.stop()


@pytest.fixture
def store(server, monkeypatch):
    """A bucket with a text; the addresses that begin with s3:// lead to it."""
    s3fs = pytest.importorskip("s3fs")
    for name, value in {
        "AWS_ENDPOINT_URL": server.address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",  # a server that has stopped does not come back
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    files.mkdir("bucket")
    files.pipe("bucket/text/a.txt", TEXT.encode())
    yield files
    s3fs.S3FileSystem.clear_instance_cache()


def test_text_comes_straight_from_the_store(store, tmp_path):
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    files = find_texts("s3://bucket/text/*.txt")
    assert [(file.path, file.size) for file in files] == [("s3://bucket/text/a.txt", len(TEXT.encode()))]
    assert count_words(files).counts == count_words([tmp_path / "a.txt"]).counts
    corpus = prepare_corpus("s3://bucket/text", cache_dir=tmp_path / "cache")
    assert corpus.fingerprint == prepare_corpus(tmp_path / "a.txt", cache_dir=tmp_path / "cache").fingerprint
    summaries = [
        write_shards(find_texts(name), tmp_path / f"shards-{number}", num_shards=2)
        for number, name in enumerate(("s3://bucket/text", str(tmp_path / "a.txt")))
    ]
    assert summaries[0].num_tokens == summaries[1].num_tokens
    for path in (tmp_path / "shards-0").iterdir():
        assert path.read_bytes() == (tmp_path / "shards-1" / path.name).read_bytes()


def test_vectors_go_straight_to_the_store(store, tmp_path, model_directory):
    pytest.importorskip("pyarrow")
    embedder = ElmoEmbedder.load(model_directory("characters"))
    layout = embedder.layout("top", "int8")
    jobs = [
        plan_job("s3://bucket/text", output, layout, part_bytes=300)
        for output in ("s3://bucket/vectors", tmp_path / "vectors")
    ]
    assert len(jobs[0].parts) > 1
    for job in jobs:
        for part in job.parts:
            do_part(embedder, job, part)
    assert finish_job(jobs[0]) == finish_job(jobs[1])
    store.invalidate_cache()
    names = {name.rpartition("/")[2] for name in store.ls("bucket/vectors")}
    assert names == {path.name for path in (tmp_path / "vectors").iterdir()}
    for name in names - {MANIFEST}:
        assert store.cat(f"bucket/vectors/{name}") == (tmp_path / "vectors" / name).read_bytes()


def test_a_store_that_stops_in_the_middle(server, store, tmp_path, model_directory, monkeypatch):
    """One line says so, nothing is half there, and the job goes on when the store is back."""
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(type(store), "default_block_size", 64)
    monkeypatch.setattr("elmokit.data.read._BLOCK_BYTES", 64)
    blocks = read_sentence_blocks("s3://bucket/text/a.txt")
    next(blocks)
    embedder = ElmoEmbedder.load(model_directory("characters"))
    layout = embedder.layout("top", "int8")
    job = plan_job("s3://bucket/text", "s3://bucket/vectors", layout, part_bytes=300)
    do_part(embedder, job, job.parts[0])
    server.stop()
    broken = r"^s3://bucket/text/a\.txt: cannot read beyond line 14: Could not connect [^\n]*$"
    with pytest.raises(TextError, match=broken):
        list(blocks)
    with pytest.raises(TextError, match=r"^s3://bucket/text: [^\n]*$"):
        prepare_corpus("s3://bucket/text", cache_dir=tmp_path / "cache")
    with pytest.raises(OutputError, match=r"^s3://bucket/vectors/_parts/00001\.json: cannot read: [^\n]*$"):
        do_part(embedder, job, job.parts[1])
    assert not list((tmp_path / "cache").rglob("*.u32"))
    server.start()
    assert unfinished_parts(job) == list(job.parts[1:])
    for part in job.parts:
        do_part(embedder, job, part)
    local = plan_job("s3://bucket/text", tmp_path / "vectors", layout, part_bytes=300)
    for part in local.parts:
        do_part(embedder, local, part)
    assert finish_job(job) == finish_job(local)


def test_commands_read_from_the_store(store, tmp_path, model_directory, run_cli, monkeypatch):
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    text = "s3://bucket/text/*.txt"
    assert run_cli("vocabulary", "--input", text, "-o", "vocab.txt").exit_code == 0
    (tmp_path / "c.toml").write_text(CONFIG)
    options = ("--train-prefix", text, "--vocab-file", "vocab.txt", "--save-dir", "run", "--config", "c.toml")
    done = run_cli("train", *options)
    assert done.exit_code == 0, done.err
    model = model_directory("characters")
    for path in model.iterdir():
        store.put_file(str(path), f"bucket/model/{path.name}")
    sums = set()
    for name, source in (("remote", "s3://bucket/model/"), ("local", str(model))):
        done = run_cli("embed", source, "s3://bucket/text/a.txt", f"{name}.hdf5")
        assert done.exit_code == 0, done.err
        sums.add(hashlib.sha256((tmp_path / f"{name}.hdf5").read_bytes()).hexdigest())
    assert len(sums) == 1
