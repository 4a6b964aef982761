"""An index on disk: built once, found again, and refused if it is damaged or does not match."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from elmokit.data.corpus import Corpus
from elmokit.data.prepare import prepare_corpus
from elmokit.embedder import ElmoEmbedder
from elmokit.errors import CorpusError, ElmokitError, MissingExtraError, OutputError
from elmokit.errors.installation import install_command
from elmokit.files.checksums import file_checksum, values_checksum
from elmokit.neighbors import files as neighbor_files
from elmokit.neighbors.index import NeighborIndex

TEXT = "the play was long\n\nchildren play the guitar\nthe play was long\nsilence during the play\n"
QUERY = ("the play was good", "play")


@pytest.fixture
def embedder(golden):
    return ElmoEmbedder.load(golden / "infer_models" / "no_clips")


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    Path("text.txt").write_text(TEXT, encoding="utf-8")


class Counter:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, number: int) -> None:
        self.count += number


def stored(embedder, directory=None, **options) -> tuple[NeighborIndex, int]:
    """Return the index of the text and the number of tokens that were embedded for it."""
    counter = Counter()
    index = NeighborIndex.stored(
        embedder, prepare_corpus(["text.txt"]), directory, on_tokens=counter, **options
    )
    return index, counter.count


def in_cache() -> list[str]:
    return sorted(path.name for path in Path("cache/neighbors").iterdir())


@pytest.mark.parametrize("large_bytes", [0, 1 << 40], ids=["clusters", "no clusters"])
def test_an_index_on_disk_finds_what_one_in_memory_finds(monkeypatch, embedder, large_bytes):
    monkeypatch.setattr(neighbor_files, "LARGE_BYTES", large_bytes)
    clustered = Counter()
    index, num_embedded = stored(embedder, on_clustered=clustered)
    assert (num_embedded, clustered.count) == (16, 0 if large_bytes else 16)
    in_memory = NeighborIndex.build(embedder, TEXT.splitlines())
    for words in ("all", "same", "other"):
        expected = in_memory.nearest(*QUERY, words=words)
        assert len(expected.occurrences) == {"all": 10, "same": 3, "other": 9}[words]
        assert index.nearest(*QUERY, words=words) == expected
    assert index.directory is not None
    assert (index.directory / "centers.f32").exists() == (large_bytes == 0)
    assert index.num_bytes == 2 * (16 * embedder.dim + 8 * embedder.dim // 2)


def test_all_vectors_are_searched_if_the_nearest_clusters_have_too_few(monkeypatch, embedder):
    monkeypatch.setattr(neighbor_files, "LARGE_BYTES", 0)
    index, _ = stored(embedder)
    clusters = index._content.clusters
    assert clusters is not None
    (vector,) = embedder.embed([["play"]], index.layer)[0]
    rows = [3, 7]  # as if these were near
    near = clusters._replace(rows=np.array(rows, np.uint32), ends=np.array([2, 2, 2, 2]))
    index._content = index._content._replace(clusters=near)
    assert sorted(occurrence.sentence_index for occurrence, _ in index.search(vector, 2)) == [0, 2]
    assert index.search(vector, 3) == NeighborIndex.build(embedder, TEXT.splitlines()).search(vector, 3)


def test_it_is_built_once(embedder, golden):
    first, num_embedded = stored(embedder)
    assert num_embedded == 16
    again, num_embedded = stored(ElmoEmbedder.load(golden / "infer_models" / "no_clips"), batch_size=1)
    assert num_embedded == 0
    assert again.nearest(*QUERY) == first.nearest(*QUERY)
    assert len(in_cache()) == 1


def test_it_is_found_by_content_not_by_name_or_time(embedder):
    stored(embedder)
    shutil.copy("text.txt", "copy.txt")
    os.utime("text.txt", (0, 0))
    counter = Counter()
    for name in ("copy.txt", "text.txt"):
        NeighborIndex.stored(embedder, prepare_corpus([name]), on_tokens=counter)
    assert counter.count == 0


def test_another_text_layer_or_model_is_another_index(embedder, golden):
    stored(embedder)
    assert stored(embedder, layer="top")[1] == 16
    assert stored(embedder, layer=2)[1] == 0  # which is the top
    assert stored(embedder, layer=-1)[1] == 0
    Path("text.txt").write_text(TEXT + "more text\n", encoding="utf-8")
    index, num_embedded = stored(embedder)
    assert num_embedded == 18
    assert ("more", "text") in [found.sentence for found, _ in index.nearest("more", 0, 100).occurrences]
    assert stored(ElmoEmbedder.load(golden / "infer_models" / "skip2_relu"))[1] == 18
    with torch.no_grad():
        embedder.model.stacks[1][0].bias[0] += 0.5
    assert stored(ElmoEmbedder(embedder.pretrained))[1] == 18
    assert len(in_cache()) == 5


def test_an_index_in_a_given_directory(embedder):
    index, num_embedded = stored(embedder, "mine")
    assert (num_embedded, index.directory) == (16, Path("mine"))
    assert not Path("cache/neighbors").exists()
    assert stored(embedder, "mine")[1] == 0
    Path("mine").rename("moved")
    Path("text.txt").unlink()
    assert NeighborIndex.open("moved", embedder).nearest(*QUERY) == index.nearest(*QUERY)


def test_other_files_are_never_overwritten(embedder, golden):
    Path("home").mkdir()
    Path("home/thesis.txt").touch()
    with pytest.raises(OutputError, match="home already exists and is not a neighbor index: choose"):
        stored(embedder, "home")
    with pytest.raises(OutputError, match=r"text.txt already exists and is not a neighbor index"):
        stored(embedder, "text.txt")
    Path("empty").mkdir()
    assert stored(embedder, "empty")[1] == 16

    with pytest.raises(
        CorpusError,
        match="empty: the index was built from layer average instead of 1: choose another",
    ):
        stored(embedder, "empty", layer=1)
    with pytest.raises(
        CorpusError, match=r"built with another model \(.*no_clips/weights.hdf5\), not with .*skip2"
    ):
        stored(ElmoEmbedder.load(golden / "infer_models" / "skip2_relu"), "empty")
    Path("text.txt").write_text(TEXT + "more text\n", encoding="utf-8")
    with pytest.raises(
        CorpusError, match=r"empty: the index was built from another text \(or the text has changed\): choose"
    ):
        stored(embedder, "empty")
    assert sorted(path.name for path in Path().iterdir()) == ["cache", "empty", "home", "text.txt"]


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


FILES = ["vectors.f16", "vectors.u64", "words.f16", "centers.f32", "rows.u32", "ends.i64", "index.json"]
FILES += [f"corpus/{name}" for name in ("tokens.u32", "offsets.i64", "spellings.bytes", "corpus.json")]
FAULTS = [
    (name, fault)
    for name in FILES
    for fault in (Path.unlink, _truncate, _lengthen, _flip)
    if (name, fault) != ("vectors.f16", _flip)  # in a large index, a search notices it
    and (name, fault) != ("index.json", Path.unlink)  # then it is no index
]


@pytest.mark.parametrize(("name", "fault"), FAULTS)
def test_a_damaged_index_is_refused_and_rebuilt_in_the_cache(monkeypatch, embedder, name, fault):
    monkeypatch.setattr(neighbor_files, "LARGE_BYTES", 0)
    index, _ = stored(embedder)
    assert index.directory is not None
    shutil.copytree(index.directory, "mine")
    if name == "index.json" and fault in (_truncate, _lengthen):
        name_end = {_truncate: b"\n}", _lengthen: b"\0"}[fault]
        data = Path("mine/index.json").read_bytes()
        damaged = data.removesuffix(b"}\n") if fault is _truncate else data + name_end
        Path("mine/index.json").write_bytes(damaged)
        (index.directory / name).write_bytes(damaged)
    else:
        fault(Path("mine") / name)
        fault(index.directory / name)
    with pytest.raises(CorpusError) as raised:
        stored(embedder, "mine")
    assert str(raised.value).startswith("mine: damaged neighbor index (")
    assert str(raised.value).endswith("): delete the directory and build the index again")

    again, num_embedded = stored(embedder)
    assert num_embedded == 16
    assert again.nearest(*QUERY) == NeighborIndex.build(embedder, TEXT.splitlines()).nearest(*QUERY)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "1", "{}", '{"own_checksum": 1, "format_version": 1}', "[" * 10_000, "\udcff"],
)
def test_any_index_json(embedder, content):
    stored(embedder, "mine")
    Path("mine/index.json").write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(CorpusError, match="mine: damaged neighbor index"):
        NeighborIndex.open("mine", embedder)


def reseal(directory: Path, **changes: object) -> None:
    """Write index.json as someone would who has changed files on purpose."""
    values = json.loads((directory / "index.json").read_text())
    del values["own_checksum"]
    values["checksums"] = {name: file_checksum(directory / name) for name in values["checksums"]}
    values |= changes
    text = json.dumps({"own_checksum": values_checksum(values), **values})
    (directory / "index.json").write_text(text, encoding="utf-8")


def test_a_flipped_bit_of_the_vectors_is_noticed(embedder):
    stored(embedder, "mine")
    _flip(Path("mine/vectors.f16"))
    with pytest.raises(CorpusError, match=r"mine: damaged neighbor index \(wrong checksum of vectors.f16\)"):
        NeighborIndex.open("mine", embedder)


@pytest.mark.parametrize("words", ["all", "same"])
def test_a_flipped_bit_of_a_vector_of_a_large_index_is_noticed_when_it_is_read(monkeypatch, embedder, words):
    monkeypatch.setattr(neighbor_files, "LARGE_BYTES", 0)
    stored(embedder, "mine")
    whole = np.fromfile("mine/vectors.f16", "<f2").reshape(16, -1)
    plays = [row for row, word in enumerate(TEXT.split()) if word == "play"]
    for row in range(16):
        flipped = whole.view(np.uint16).copy()
        flipped[row, row % whole.shape[1]] ^= 1  # the last bit: the vector is still a unit vector
        flipped.tofile("mine/vectors.f16")
        index = NeighborIndex.open("mine", embedder)
        if words == "same" and row not in plays:  # it is not read
            assert len(index.nearest(*QUERY, words=words).occurrences) == 3
            continue
        with pytest.raises(CorpusError, match="damaged neighbor index: wrong checksum of a vector"):
            index.nearest(*QUERY, words=words)


def test_a_large_index_of_an_earlier_version_has_no_checksums_of_the_vectors(monkeypatch, embedder):
    monkeypatch.setattr(neighbor_files, "LARGE_BYTES", 0)
    stored(embedder, "mine")
    checksums = json.loads(Path("mine/index.json").read_text())["checksums"]
    del checksums["vectors.u64"]
    reseal(Path("mine"), checksums=checksums)
    Path("mine/vectors.u64").unlink()
    assert NeighborIndex.open("mine", embedder).nearest(*QUERY)


def test_an_index_of_an_earlier_version_has_no_checksum_of_the_vectors(embedder):
    stored(embedder, "mine")
    checksums = json.loads(Path("mine/index.json").read_text())["checksums"]
    del checksums["vectors.f16"]
    reseal(Path("mine"), checksums=checksums)
    assert NeighborIndex.open("mine", embedder).nearest(*QUERY)


def test_an_index_without_the_checksum_of_each_file_is_refused(embedder):
    stored(embedder, "mine")
    checksums = json.loads(Path("mine/index.json").read_text())["checksums"]
    outside = {"../text.txt": file_checksum(Path("text.txt"))}
    for given in ({}, {name: value for name, value in checksums.items() if name != "words.f16"}, outside):
        reseal(Path("mine"), checksums=given)
        with pytest.raises(CorpusError, match=r"\(index.json does not have the checksum of each file\)"):
            NeighborIndex.open("mine", embedder)


@pytest.mark.parametrize("number", [np.nan, np.inf, 60_000.0])
@pytest.mark.parametrize("name", ["vectors.f16", "words.f16"])
def test_vectors_that_are_no_unit_vectors_end_a_search(embedder, name, number):
    stored(embedder, "mine")
    values = np.fromfile(Path("mine") / name, "<f2")
    values[:] = number
    values.tofile(Path("mine") / name)
    reseal(Path("mine"))
    index = NeighborIndex.open("mine", embedder)
    with pytest.raises(CorpusError, match="damaged neighbor index: it holds vectors that are not finite"):
        index.nearest(*QUERY)


@pytest.mark.parametrize(
    ("name", "kind", "position", "number"),
    [
        ("corpus/tokens.u32", "<u4", 3, 10**6),
        ("corpus/offsets.i64", "<i8", 2, 10**6),
        ("corpus/offsets.i64", "<i8", 0, -4),
        ("corpus/spelling_offsets.i64", "<i8", 4, 10**6),
        ("corpus/spelling_offsets.i64", "<i8", 4, -(10**6)),
        ("corpus/spellings.bytes", "u1", 2, 0xFF),
        ("rows.u32", "<u4", 3, 10**6),
        ("ends.i64", "<i8", 0, 10**6),
        ("ends.i64", "<i8", 0, -1),
    ],
)
def test_numbers_that_point_nowhere_are_refused(monkeypatch, embedder, name, kind, position, number):
    monkeypatch.setattr(neighbor_files, "LARGE_BYTES", 0)
    stored(embedder, "mine")
    values = np.fromfile(Path("mine") / name, kind)
    values[position] = number
    values.tofile(Path("mine") / name)
    reseal(Path("mine"))
    with pytest.raises(CorpusError, match="mine: damaged neighbor index"):
        NeighborIndex.open("mine", embedder)


def test_an_index_json_with_another_layer_is_refused(embedder):
    stored(embedder, "mine")
    values = json.loads(Path("mine/index.json").read_text())
    Path("mine/index.json").write_text(json.dumps(values | {"layer": 1}))
    with pytest.raises(CorpusError, match=r"mine: damaged .*\(wrong checksum of index.json\)"):
        NeighborIndex.open("mine", embedder)


def test_a_format_of_the_future(embedder):
    stored(embedder, "mine")
    values = json.loads(Path("mine/index.json").read_text())
    Path("mine/index.json").write_text(json.dumps(values | {"format_version": 9}))
    with pytest.raises(CorpusError, match=r"mine: damaged neighbor index \(format version 9, expected 1\)"):
        NeighborIndex.open("mine", embedder)


def test_no_index(embedder):
    for name in ("nowhere", "text.txt", "."):
        with pytest.raises(CorpusError, match=f"{name}: not a neighbor index"):
            NeighborIndex.open(name, embedder)


@pytest.mark.parametrize("directory", [None, "mine"])
def test_an_interrupted_build_leaves_nothing(embedder, directory):
    def interrupt(num_tokens: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        NeighborIndex.stored(embedder, prepare_corpus(["text.txt"]), directory, on_tokens=interrupt)
    assert directory is not None or in_cache() == []
    assert sorted(path.name for path in Path().iterdir()) == ["cache", "text.txt"]
    assert stored(embedder, directory)[1] == 16


def test_leftovers_of_killed_builds_in_the_cache_are_removed(embedder):
    for name, age in (("old", 2), ("new", 0.5)):
        leftover = Path(f"cache/neighbors/.{name}.0123456789abcdef.partial")
        leftover.mkdir(parents=True)
        written = Path().stat().st_mtime - age * 24 * 60 * 60
        os.utime(leftover, (written, written))
    stored(embedder)
    assert [name for name in in_cache() if name.startswith(".")] == [".new.0123456789abcdef.partial"]


def test_too_little_disk_space(monkeypatch, embedder):
    corpus = prepare_corpus(["text.txt"])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 10**12 - 10, 10))
    with pytest.raises(OutputError, match=r"mine|: 0 MB free, the neighbor index needs 0 MB"):
        NeighborIndex.stored(embedder, corpus, "mine")
    monkeypatch.undo()
    monkeypatch.chdir(Path.cwd())

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError) as raised:
        NeighborIndex.stored(embedder, corpus, "mine")
    assert str(raised.value) == "mine: cannot write: No space left on device"


def test_a_cache_that_cannot_be_written(monkeypatch, embedder):
    corpus = prepare_corpus(["text.txt"])
    Path("cache/neighbors").write_text("a file in its place")
    with pytest.raises(OutputError) as raised:
        NeighborIndex.stored(embedder, corpus)
    assert "cannot write: " in str(raised.value)
    assert str(raised.value).endswith(
        "choose a directory with enough space for the index, or set ELMOKIT_CACHE to one"
    )


def test_a_large_index_needs_faiss_and_says_so_before_embedding(monkeypatch, embedder):
    monkeypatch.setattr(neighbor_files, "LARGE_BYTES", 0)
    monkeypatch.setitem(sys.modules, "faiss", None)
    counter = Counter()
    with pytest.raises(MissingExtraError, match=re.escape(install_command("neighbors"))):
        NeighborIndex.build(embedder, TEXT.splitlines(), "mine", on_tokens=counter)
    assert counter.count == 0
    assert NeighborIndex.build(embedder, TEXT.splitlines()).nearest(*QUERY).occurrences


def test_vectors_that_are_not_finite_leave_no_index(embedder):
    with torch.no_grad():
        embedder.model.stacks[0][0].bias.fill_(torch.nan)
    with pytest.raises(ElmokitError, match="contain NaN or infinity"):
        stored(embedder, "mine")
    assert not Path("mine").exists()


def test_the_same_index_has_the_same_bytes(embedder):
    corpus = Corpus.from_sentences(line.split() for line in TEXT.splitlines())
    for name in ("a", "b"):
        NeighborIndex.build(embedder, corpus, name)
    files = sorted(path.relative_to("a") for path in Path("a").rglob("*") if path.is_file())
    assert len(files) == 9
    for file in files:
        assert (Path("a") / file).read_bytes() == (Path("b") / file).read_bytes()
