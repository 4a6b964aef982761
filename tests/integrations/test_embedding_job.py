"""A text is embedded in parts, each exactly once, whatever is lost on the way."""

from __future__ import annotations

import gzip
import json

import fsspec
import numpy as np
import pytest

from elmokit.embedder import ElmoEmbedder
from elmokit.errors import ConfigError, OutputError, TextError
from elmokit.formats.parquet_vectors import MANIFEST, read_parquet_vectors
from elmokit.integrations import embedding_job
from elmokit.integrations.embedding_job import do_part, finish_job, plan_job, unfinished_parts

pytest.importorskip("pyarrow")

LINES = [f"the cat{k % 4} sat on {'a ' * (k % 5)}mat" if k % 7 else "" for k in range(51)]


@pytest.fixture
def embedder(model_directory) -> ElmoEmbedder:
    return ElmoEmbedder.load(model_directory("characters"))


@pytest.fixture
def text(tmp_path):
    """Two files, the second one compressed; the first is cut into parts."""
    directory = tmp_path / "text"
    directory.mkdir()
    (directory / "a.txt").write_text("\n".join(LINES[:40]) + "\n")
    (directory / "b.txt.gz").write_bytes(gzip.compress("\n".join(LINES[40:]).encode()))
    return directory


def killed(*_):
    raise KeyboardInterrupt


def content(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def test_a_job_that_is_stopped_goes_on(embedder, text, tmp_path, monkeypatch):
    layout = embedder.layout("top", "int8")
    options = {"part_bytes": 300, "file_bytes": 1200}
    whole = plan_job(text, tmp_path / "whole", layout, **options)
    assert len(whole.parts) > 3
    for part in whole.parts:
        do_part(embedder, whole, part)
    manifest = finish_job(whole)
    assert len(manifest["files"]) > len(whole.parts)  # parts with more than one file

    output = tmp_path / "stopped"
    job = plan_job(text, output, layout, **options)
    do_part(embedder, job, job.parts[1])
    written = content(output)
    with monkeypatch.context() as patch:
        patch.setattr(embedding_job._Store, "write", killed)
        with pytest.raises(KeyboardInterrupt):  # after its files are written
            do_part(embedder, job, job.parts[0])
    with pytest.raises(OutputError, match="part 0 is not done"):
        finish_job(job)
    job = plan_job(text, output, layout, **options)
    left = unfinished_parts(job)
    assert [part.number for part in left] == [0, *range(2, len(job.parts))]
    with monkeypatch.context() as patch:
        patch.setattr(ElmoEmbedder, "iter_embed", None)
        do_part(embedder, job, job.parts[1])  # nothing is computed twice
    for part in reversed(left):
        do_part(embedder, job, part)
    assert finish_job(job) == manifest
    assert content(output) == content(tmp_path / "whole") | {"_job.json": content(output)["_job.json"]}
    assert content(output).items() >= written.items()
    assert not list(output.glob(".*"))
    assert not (output / "_parts").exists()
    assert unfinished_parts(plan_job(text, output, layout, **options)) == []
    assert finish_job(job) == manifest


def test_rows_are_the_lines_of_the_text(embedder, text, tmp_path):
    job = plan_job(text, tmp_path / "out", embedder.layout("all", "float32"), part_bytes=300)
    for part in job.parts:
        do_part(embedder, job, part)
    finish_job(job)
    rows = list(read_parquet_vectors(tmp_path / "out"))
    assert [row[:2] for row in rows] == [(k, line.split()) for k, line in enumerate(LINES)]
    for (_, _, vectors), expected in zip(rows, embedder.embed(LINES), strict=True):
        np.testing.assert_array_equal(vectors, expected)


def test_urls(embedder, tmp_path):
    memory = fsspec.filesystem("memory")
    memory.pipe("/large/text.txt", "\n".join(LINES).encode())
    layout = embedder.layout(1, "float16")
    job = plan_job("memory://large/text.txt", "memory://large/out", layout, part_bytes=400)
    assert len(job.parts) > 2  # spans of a file behind a URL
    for part in job.parts:
        do_part(embedder, job, part)
    manifest = finish_job(job)
    assert json.loads(memory.cat(f"/large/out/{MANIFEST}")) == manifest
    assert manifest["num_rows"] == len(LINES)
    memory.get("/large/out", str(tmp_path / "copy"), recursive=True)
    rows = read_parquet_vectors(tmp_path / "copy")
    assert [tokens for _, tokens, _ in rows] == [line.split() for line in LINES]
    memory.rm("/large", recursive=True)


def test_what_does_not_fit_is_refused(embedder, text, tmp_path):
    layout = embedder.layout("top", "float32")
    job = plan_job(text, tmp_path / "out", layout)
    with pytest.raises(OutputError, match=r"another job was begun there \(other layout\)"):
        plan_job(text, tmp_path / "out", embedder.layout("all", "float32"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("")
    with pytest.raises(OutputError, match=r"contains notes.txt"):
        plan_job(text, tmp_path / "mine", layout)
    (text / "b.txt.gz").write_bytes(gzip.compress(b"other\n"))
    with pytest.raises(OutputError, match=r"\(other text\)"):
        plan_job(text, tmp_path / "out", layout)
    with pytest.raises(TextError, match=r"b.txt.gz: has 1 lines where it had 11 when the job was planned"):
        do_part(embedder, job, job.parts[-1])
    with pytest.raises(ConfigError, match="part_bytes: expected at least 1"):
        plan_job(text, tmp_path / "new", layout, part_bytes=0)
