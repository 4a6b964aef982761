"""Downloading models once: published ones by name, all others by URL.

They are kept in the cache directory, below ``models/``, in a directory each. Files that are there already are
used without accessing the network.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from elmokit.errors import FetchError, OutputError
from elmokit.files.cache import default_cache_dir
from elmokit.files.checksums import text_checksum
from elmokit.repository.bundled import BUNDLED_MODELS
from elmokit.repository.download import MissingFileError, UnreachableError, download
from elmokit.repository.published import PUBLISHED, Role

_LOCAL_NAMES: dict[Role, str] = {
    "options": "options.json",
    "weights": "weights.hdf5",
    "softmax": "softmax_weights.hdf5",
    "vocabulary": "vocab.txt",
}
_EMBEDDING_ROLES: tuple[Role, ...] = ("options", "weights")
_SOFTMAX_ROLES: tuple[Role, ...] = ("vocabulary", "softmax")
_WEIGHTS_SUFFIXES = (".hdf5", ".h5")


def fetch_file(url: str, *, checksum: str | None = None) -> Path:
    """Return the local path of a remote file, after downloading it if it is not in the cache.

    Args:
        url: a URL with any protocol that fsspec supports.
        checksum: the checksum of the file, if known: ``sha256:HEX``, ``sha1:HEX`` or ``md5:HEX``.

    Returns:
        The cached file, with its original name.

    Raises:
        FetchError: when it cannot be downloaded; the message says why and what to do.
        OutputError: when the cache cannot be written.
        MissingExtraError: when the package behind the protocol is not installed.
    """
    path = _url_directory(url) / _file_name(url)
    with _extended_errors():
        download(url, path, checksum=checksum)
    return path


def fetch_model(name_or_url: str, *, softmax: bool = False) -> Path:
    """Return the local path of a remote model, after downloading it if it is not in the cache.

    Args:
        name_or_url: one of

            - a name in :data:`elmokit.repository.published.PUBLISHED`, in upper or lower case;
            - the URL of an ``.hdf5`` file; its options are expected beside it, with ``options`` instead of
              ``weights`` in the name, or as ``options.json``;
            - the URL of a folder, ending in ``/``, with ``options.json`` and ``weights.hdf5``;
            - the URL of a ``.zip`` file.
        softmax: also download the softmax weights and the vocabulary of a published model. They are large,
            and not needed for embedding.

    Returns:
        A directory with ``options.json`` and the weights; for a ``.zip`` URL the archive.

    Raises:
        FetchError: when the name is unknown, or a file cannot be downloaded.
        OutputError: when the cache cannot be written.
        MissingExtraError: when the package behind the protocol is not installed.
    """
    if "://" not in name_or_url:
        return _fetch_published(name_or_url, softmax)
    url = name_or_url
    if softmax:
        raise FetchError(
            f"{url}: softmax weights can only be downloaded with a published model: {_names(softmax)}"
        )
    if url.endswith("/"):
        return _fetch_pair(url + "weights.hdf5", [url + "options.json"], _url_directory(url))
    suffix = PurePosixPath(_file_name(url)).suffix.lower()
    if suffix == ".zip":
        return fetch_file(url)
    if suffix in _WEIGHTS_SUFFIXES:
        return _fetch_pair(url, _options_urls(url), _url_directory(url))
    raise FetchError(
        f"{url}: not the URL of a model: expected an .hdf5 or .zip file, or a folder, ending in /, with "
        "options.json and weights.hdf5"
    )


def is_published(name: str) -> bool:
    """Return whether there is a published model of this name."""
    return _published_name(name) is not None


def _fetch_published(name: str, softmax: bool) -> Path:
    known = _published_name(name)
    if known is None:
        own_spelling = {key.lower(): key for key in (*BUNDLED_MODELS, *PUBLISHED)}
        near = difflib.get_close_matches(name.lower(), own_spelling, n=1)
        hint = f", did you mean {own_spelling[near[0]]!r}?" if near else ""
        raise FetchError(
            f"{name!r}: no published model of this name{hint} "
            f"(published: {_names()}; bundled: {', '.join(BUNDLED_MODELS)})"
        )
    files = PUBLISHED[known].files
    if softmax and "softmax" not in files:
        raise FetchError(
            f"{known}: published without softmax weights; models with softmax weights: {_names(softmax)}"
        )
    directory = _models_directory() / known
    with _extended_errors():
        for role in _EMBEDDING_ROLES + (_SOFTMAX_ROLES if softmax else ()):
            download(files[role].url, directory / _LOCAL_NAMES[role], checksum=files[role].checksum)
    return directory


def _fetch_pair(weights_url: str, options_urls: list[str], directory: Path) -> Path:
    options = directory / _LOCAL_NAMES["options"]
    with _extended_errors():
        for url in options_urls:
            try:
                download(url, options)
                break
            except MissingFileError as error:
                if len(options_urls) == 1:
                    raise
                missing = error
        else:
            raise FetchError(
                f"{weights_url}: no options beside it, tried {', '.join(options_urls)}: download the "
                "weights, put their options.json beside them and give the local path"
            ) from missing
        download(weights_url, directory / _file_name(weights_url))
    return directory


def _options_urls(weights_url: str) -> list[str]:
    """Return the possible URLs of the options of weights, the likeliest first."""
    address, mark, query = weights_url.partition("?") if _is_http(weights_url) else (weights_url, "", "")
    folder, _, name = address.rpartition("/")
    before, found, after = name.rpartition(".")[0].rpartition("weights")
    names = [f"{before}options{after}.json", f"{before}options.json"] if found else []
    return [f"{folder}/{name}{mark}{query}" for name in dict.fromkeys([*names, "options.json"])]


def _published_name(name: str) -> str | None:
    return next((key for key in PUBLISHED if key.lower() == name.lower()), None)


def _names(softmax: bool = False) -> str:
    return ", ".join(key for key, model in PUBLISHED.items() if not softmax or "softmax" in model.files)


def _models_directory() -> Path:
    return default_cache_dir() / "models"


def _url_directory(url: str) -> Path:
    return _models_directory() / text_checksum(url)


def _is_http(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def _file_name(url: str) -> str:
    try:
        path = unquote(urlsplit(url).path) if _is_http(url) else url.partition("://")[2]
    except ValueError as error:
        raise FetchError(f"{url}: not a URL: {error}") from None
    name = path.rpartition("/")[2]
    if name.strip(".") == "" or "\0" in name:
        raise FetchError(f"{url}: expected the URL of a file")
    reserved = '<>:"|?*\\' if sys.platform == "win32" else ""
    return "".join(c if c.isprintable() and c not in reserved else "_" for c in name)


def cached_weights(name: str) -> Path | None:
    """Return the weights of a published model that has been downloaded; None if it has not."""
    paths = [_models_directory() / name / _LOCAL_NAMES[role] for role in _EMBEDDING_ROLES]
    return paths[-1] if all(path.exists() for path in paths) else None


def _cached_names() -> list[str]:
    return [name for name in PUBLISHED if cached_weights(name) is not None]


@contextmanager
def _extended_errors() -> Iterator[None]:
    """Add to errors what to do without a network or without disk space."""
    try:
        yield
    except UnreachableError as error:
        cached = ", ".join(_cached_names()) or "none"
        raise FetchError(
            f"{error}: check the network, or give the path of a local model; "
            f"published models in {_models_directory()}: {cached}"
        ) from error
    except OutputError as error:
        raise OutputError(f"{error}; set ELMOKIT_CACHE to a directory with enough space") from error
