"""Models are downloaded to the cache once, by name or by URL, in a format that can be loaded."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import h5py
import pytest

from elmokit.errors import FetchError, OutputError
from elmokit.repository import fetch
from elmokit.repository.fetch import fetch_file, fetch_model, is_published
from elmokit.repository.published import PublishedFile, PublishedModel


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ELMOKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.fixture
def remote(tmp_path):
    folder = tmp_path / "remote"
    folder.mkdir()
    return folder


def put(folder: Path, *names: str) -> str:
    """Write files that hold their own names; returns the folder's URL."""
    for name in names:
        write(folder / name, name)
    return f"file://{folder}"


def write(path: Path, content: str) -> None:
    """Write a file of the kind that its suffix says."""
    match path.suffix.lower():
        case ".json":
            path.write_text(json.dumps(content))
        case ".hdf5" | ".h5":
            with h5py.File(path, "w", track_order=True) as file:
                file.attrs["content"] = content
        case ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("content", content)
        case _:
            path.write_text(content)


def content(path: Path) -> str:
    match path.suffix.lower():
        case ".json":
            return str(json.loads(path.read_text()))
        case ".hdf5" | ".h5":
            with h5py.File(path) as file:
                return str(file.attrs["content"])
        case ".zip":
            with zipfile.ZipFile(path) as archive:
                return archive.read("content").decode()
        case _:
            return path.read_text()


def contents(directory: Path) -> dict[str, str]:
    return {path.name: content(path) for path in directory.iterdir() if not path.name.startswith(".")}


@pytest.fixture
def published(remote, monkeypatch):
    """Two models: one with a softmax, one that cannot be reached."""
    put(remote, "o.json", "w.hdf5", "s.hdf5", "v-2016.txt")
    digest = hashlib.sha256((remote / "w.hdf5").read_bytes()).hexdigest()
    url = f"file://{remote}"
    files = {
        "options": PublishedFile(f"{url}/o.json"),
        "weights": PublishedFile(f"{url}/w.hdf5", f"sha256:{digest}"),
        "softmax": PublishedFile(f"{url}/s.hdf5"),
        "vocabulary": PublishedFile(f"{url}/v-2016.txt"),
    }
    away = {role: PublishedFile("http://127.0.0.1:9/" + role) for role in ("options", "weights")}
    table = {"Full-1B": PublishedModel("", files), "away": PublishedModel("", away)}
    monkeypatch.setattr(fetch, "PUBLISHED", table)
    return table


def test_the_files_of_a_published_model(published, cache):
    directory = fetch_model("full-1b")
    assert directory == cache / "Full-1B"
    assert contents(directory) == {"options.json": "o.json", "weights.hdf5": "w.hdf5"}
    assert fetch_model("Full-1B", softmax=True) == directory
    assert contents(directory) == {
        "options.json": "o.json",
        "weights.hdf5": "w.hdf5",
        "softmax_weights.hdf5": "s.hdf5",
        "vocab.txt": "v-2016.txt",
    }


def test_what_is_cached_needs_nothing_remote(published, remote):
    directory = fetch_model("Full-1B", softmax=True)
    for path in remote.iterdir():
        path.unlink()
    assert fetch_model("Full-1B", softmax=True) == directory


def test_a_published_model_that_was_replaced_is_refused(published, remote, cache):
    write(remote / "w.hdf5", "another")
    with pytest.raises(FetchError, match=r"w\.hdf5: sha256 [0-9a-f]{64}, expected [0-9a-f]{64}: damaged"):
        fetch_model("Full-1B")
    assert not (cache / "Full-1B" / "weights.hdf5").exists()


def test_a_model_without_softmax(published):
    with pytest.raises(
        FetchError, match=r"^away: published without softmax weights; models with softmax weights: Full-1B$"
    ):
        fetch_model("away", softmax=True)


def test_offline_the_message_lists_cached_models(published, cache):
    pytest.importorskip("requests")
    advice = (
        r"^cannot reach 127\.0\.0\.1:9 to fetch http://127\.0\.0\.1:9/options \(.+\): check the network, "
        rf"or give the path of a local model; published models in {cache}: "
    )
    with pytest.raises(FetchError, match=advice + "none$"):
        fetch_model("away")
    fetch_model("Full-1B")
    with pytest.raises(FetchError, match=advice + "Full-1B$"):
        fetch_model("away")


def test_unknown_names():
    with pytest.raises(FetchError) as caught:
        fetch_model("medum")
    message = str(caught.value)
    assert message.startswith(
        "'medum': no published model of this name, did you mean 'medium'? (published: original, "
    )
    assert message.endswith("; bundled: tiny-en)")
    with pytest.raises(FetchError, match="did you mean 'tiny-en'"):
        fetch_model("tiny_en")
    with pytest.raises(
        FetchError, match=r"^'xyz': no published model of this name \(published: original, original-5"
    ):
        fetch_model("xyz")


def test_is_published():
    assert is_published("small")
    assert is_published("SeqVec")
    assert is_published("original-5.5b")
    assert not is_published("smal")
    assert not is_published("https://example.org/small")


@pytest.mark.parametrize(
    ("weights", "options"),
    [
        ("elmo_x_weights.hdf5", "elmo_x_options.json"),
        ("elmo_x_weights_PubMed_only.hdf5", "elmo_x_options_PubMed_only.json"),
        ("elmo_x_weights_PubMed_only.hdf5", "elmo_x_options.json"),
        ("elmo_pt_weights_dgx1.hdf5", "options.json"),
        ("weights.hdf5", "options.json"),
        ("model.h5", "options.json"),
    ],
)
def test_weights_bring_their_options(remote, weights, options):
    url = put(remote, weights, options)
    directory = fetch_model(f"{url}/{weights}")
    assert contents(directory) == {"options.json": options, weights: weights}
    (remote / weights).unlink()
    assert fetch_model(f"{url}/{weights}") == directory


def test_the_options_of_the_same_name_come_first(remote):
    url = put(remote, "a_weights.hdf5", "a_options.json", "options.json")
    assert contents(fetch_model(f"{url}/a_weights.hdf5"))["options.json"] == "a_options.json"


def test_weights_without_options(remote):
    url = put(remote, "a_weights.hdf5")
    with pytest.raises(FetchError) as caught:
        fetch_model(f"{url}/a_weights.hdf5")
    assert str(caught.value) == (
        f"{url}/a_weights.hdf5: no options beside it, tried {url}/a_options.json, {url}/options.json: "
        "download the weights, put their options.json beside them and give the local path"
    )


def test_the_query_of_an_address_stays():
    assert fetch._options_urls("https://h/d/a_weights.hdf5?key=1/2") == [
        "https://h/d/a_options.json?key=1/2",
        "https://h/d/options.json?key=1/2",
    ]
    assert fetch._options_urls("s3://b/d?/weights.hdf5") == ["s3://b/d?/options.json"]


def test_a_folder(remote):
    url = put(remote, "options.json", "weights.hdf5")
    assert contents(fetch_model(f"{url}/")) == {
        "options.json": "options.json",
        "weights.hdf5": "weights.hdf5",
    }


def test_a_folder_without_options(remote):
    url = put(remote, "weights.hdf5")
    with pytest.raises(FetchError, match=r"/remote/options\.json: no such file: check the URL$"):
        fetch_model(f"{url}/")


def test_a_zip_comes_as_it_is(remote):
    url = put(remote, "136.ZIP")
    path = fetch_model(f"{url}/136.ZIP")
    assert path.name == "136.ZIP"
    assert content(path) == "136.ZIP"


def test_other_files_are_no_model():
    with pytest.raises(FetchError, match=r"^s3://b/m\.tar\.gz: not the URL of a model: expected an"):
        fetch_model("s3://b/m.tar.gz")


def test_a_softmax_by_address_is_refused():
    with pytest.raises(
        FetchError, match=r"softmax weights can only be downloaded with a published model: original$"
    ):
        fetch_model("s3://b/weights.hdf5", softmax=True)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("file://{remote}/a b.txt", "a b.txt"),
        ("memory://a b.txt", "a b.txt"),
        ("file://{remote}/what?.txt", "what?.txt"),
    ],
)
def test_a_file_keeps_its_name(remote, cache, url, name):
    import fsspec

    url = url.format(remote=remote)
    with fsspec.open(url, "w") as file:
        file.write(name)
    path = fetch_file(url)
    assert path.name == name
    assert path.read_text() == name
    assert path.parent.parent == cache


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/d/a%20b.hdf5?x=/y", "a b.hdf5"),
        ("HTTPS://h/d/a.zip#part", "a.zip"),
        ("https://h/d%2Fa.zip", "a.zip"),
        ("https://h/%1b[2Ja%0A.zip", "_[2Ja_.zip"),
        ("s3://bucket/a%20b.zip", "a%20b.zip"),
    ],
)
def test_names_in_addresses(url, name):
    assert fetch._file_name(url) == name


@pytest.mark.parametrize(
    "url", ["https://h", "https://h/d/", "https://h/d/..", "s3://bucket/", "https://h/%2E%2E"]
)
def test_addresses_without_a_name(url):
    with pytest.raises(FetchError, match=r"expected the URL of a file$"):
        fetch_file(url)


def test_files_of_one_name_do_not_meet(remote):
    other = remote / "other"
    other.mkdir()
    first, second = put(remote, "a.txt"), put(other, "a.txt")
    (other / "a.txt").write_text("second")
    assert fetch_file(f"{first}/a.txt").read_text() == "a.txt"
    assert fetch_file(f"{second}/a.txt").read_text() == "second"


def test_a_cache_that_cannot_be_written(remote, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    url = put(remote, "a.zip")
    with pytest.raises(
        OutputError, match=r"cannot write: .+; set ELMOKIT_CACHE to a directory with enough space$"
    ):
        fetch_model(f"{url}/a.zip")
