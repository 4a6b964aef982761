"""Text and vectors in an S3-like store: moto's server on this machine."""

from __future__ import annotations

from urllib.request import Request, urlopen

import pytest

from elmokit.data.find import find_texts
from elmokit.data.prepare import prepare_corpus
from elmokit.data.sharding import write_shards
from elmokit.data.word_counts import count_words
from elmokit.embedder import ElmoEmbedder
from elmokit.formats.parquet_vectors import MANIFEST
from elmokit.integrations.embedding_job import do_part, finish_job, plan_job

pytestmark = pytest.mark.filterwarnings("ignore")  # of boto and moto

TEXT = "the cat sat\n\non the mat .\nnaïve 我\n" * 20


@pytest.fixture
def store(monkeypatch):
    """A bucket with a text; the addresses that begin with s3:// lead to it."""
    s3fs, server = pytest.importorskip("s3fs"), pytest.importorskip("moto.server")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    address = "http://{}:{}".format(*running.get_host_and_port())
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    files.mkdir("bucket")
    files.pipe("bucket/text/a.txt", TEXT.encode())
    yield files
    s3fs.S3FileSystem.clear_instance_cache()
    urlopen(Request(f"{address}/moto-api/reset", method="POST")).close()
    running.stop()


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
