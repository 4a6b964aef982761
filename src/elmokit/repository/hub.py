"""Downloading models from the Hugging Face Hub and pushing them to it.

This is done by the Hub's own client: it has its own cache, resumes interrupted downloads, and uses the token
of ``HF_TOKEN`` or ``hf auth login``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elmokit._version import __version__
from elmokit.errors import ElmokitError, FetchError, MissingExtraError, ModelFileError, OutputError
from elmokit.repository.hub_bounds import call_while_growing, check_content, check_room

if TYPE_CHECKING:
    from huggingface_hub import HfApi

# The files of a model. No pickles: they execute code when they are read.
_MODEL_FILES = ["*.json", "*.safetensors", "*.hdf5", "*.txt", "*.txt.gz", "README.md"]
_HIDDEN_FILES = [".*", "*/.*"]


def fetch_snapshot(repo_id: str, *, revision: str | None = None) -> Path:
    """Return the files of a model on the Hub, after downloading those that are not in the client's cache.

    Only the files of a model are downloaded: JSON, safetensors, HDF5, text and the model card. Without a
    network connection, files from the cache are used.

    Args:
        repo_id: ``owner/name``.
        revision: a branch, tag or commit; None for the main branch.

    Returns:
        The directory with the files. It is part of the client's cache: do not write to it.

    Raises:
        FetchError: when there is no such model, no access or no network connection.
        OutputError: when the cache cannot be written.
        MissingExtraError: when huggingface_hub is not installed.
    """
    where = _at(repo_id, revision)
    with _readable_errors(f"fetching {where}", where):
        cache = _cache_directories(repo_id)
        directory = call_while_growing(where, cache, lambda: _fetch(repo_id, revision, where, cache[0]))
        check_content(where, directory)
    if not directory.is_dir():  # the client creates none when no file matches
        raise FetchError(f"{where}: no model in this repository, expected some of {', '.join(_MODEL_FILES)}")
    return directory


def _fetch(repo_id: str, revision: str | None, where: str, cache: Path) -> Path:
    """Download what is missing, after a look at the free room, of which the client only warns."""
    api = _api()
    wanted: dict[str, Any] = {
        "revision": revision,
        "allow_patterns": _MODEL_FILES,
        "ignore_patterns": _HIDDEN_FILES,
    }
    missing = 0
    with suppress(Exception):  # without a network; then the cache is used, or the client says what is wrong
        files = api.snapshot_download(repo_id, dry_run=True, **wanted)
        missing = sum(file.file_size or 0 for file in files if file.will_download)
    check_room(where, cache, missing)
    return Path(api.snapshot_download(repo_id, **wanted))


def _cache_directories(repo_id: str) -> list[Path]:
    """Return the directories in which the client keeps a model, and pieces of files."""
    from huggingface_hub import constants

    model = Path(constants.HF_HUB_CACHE, f"models--{repo_id.replace('/', '--')}")
    return [model, Path(constants.HF_XET_CACHE)]


def push_directory(
    directory: str | Path,
    repo_id: str,
    *,
    private: bool = False,
    commit_message: str = "Upload a biLM with elmokit",
    revision: str | None = None,
) -> str:
    """Push the files of a model to the Hub in one commit; the repository is created if it does not exist.

    Hidden files and files that do not belong to a model are not pushed; files that are only on the Hub are
    not deleted.

    Args:
        directory: the model.
        repo_id: ``owner/name``.
        private: create a private repository. An existing public one is refused, not changed.
        commit_message: the first line of the commit message.
        revision: the branch, created if it does not exist; None for the main branch.

    Returns:
        The URL of the repository.

    Raises:
        ModelFileError: when the directory does not exist or contains no model.
        FetchError: when there is no token, no permission to write or no network connection.
        MissingExtraError: when huggingface_hub is not installed.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise ModelFileError(f"{directory}: no such directory: expected the directory of a model")
    if not any(path.is_file() for pattern in _MODEL_FILES for path in directory.glob(f"**/{pattern}")):
        raise ModelFileError(
            f"{directory}: no model in this directory, expected some of {', '.join(_MODEL_FILES)}"
        )
    where = _at(repo_id, revision)
    with _readable_errors(f"pushing to {where}", where):
        api = _api()
        address = api.create_repo(repo_id, private=private, exist_ok=True)
        if private and not api.repo_info(address.repo_id).private:
            raise FetchError(
                f"{address} already exists and is public: make it private on its page, choose another "
                "name, or push without private=True"
            )
        if revision is not None:
            api.create_branch(address.repo_id, branch=revision, exist_ok=True)
        api.upload_folder(
            repo_id=address.repo_id,
            folder_path=directory,
            revision=revision,
            commit_message=commit_message,
            allow_patterns=_MODEL_FILES,
            ignore_patterns=_HIDDEN_FILES,
        )
    return str(address)


def _api() -> HfApi:
    from huggingface_hub import HfApi  # optional dependency

    # The client reads HF_ENDPOINT when it is imported; it may have been set later.
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="elmokit", library_version=__version__)


def _at(repo_id: str, revision: str | None) -> str:
    return repo_id if revision is None else f"{repo_id} at {revision}"


@contextmanager
def _readable_errors(task: str, where: str) -> Iterator[None]:
    """Turn the client's errors into one-line errors that say what to do."""
    try:
        from huggingface_hub import errors as hub
    except ImportError as error:
        raise MissingExtraError(task, "hub") from error
    try:
        yield
    except ElmokitError:
        raise
    except hub.GatedRepoError as error:
        raise FetchError(
            f"{where}: the owner requires you to accept terms: do so on its page, then log in with "
            "hf auth login or set HF_TOKEN"
        ) from error
    except hub.RepositoryNotFoundError as error:
        raise FetchError(
            f"{where}: no such repository on the Hub, or it is private: check the name; for a private "
            "repository log in with hf auth login or set HF_TOKEN"
        ) from error
    except hub.RevisionNotFoundError as error:
        raise FetchError(f"{where}: no such branch, tag or commit in the repository") from error
    except hub.HFValidationError as error:
        raise FetchError(f"{where}: not the name of a repository, expected owner/name") from error
    except hub.LocalEntryNotFoundError as error:
        cause = error.__cause__
        if _status(cause) is not None:
            raise _refused(where, cause) from error
        raise _offline(where, cause or error) from error
    except hub.HfHubHTTPError as error:
        raise _refused(where, error) from error
    # The base class of all connection errors, whichever HTTP package this version of the client uses.
    except (hub.HTTPError, hub.OfflineModeIsEnabled) as error:  # type: ignore[attr-defined]
        raise _offline(where, error) from error
    except OSError as error:
        if error.errno is None:
            raise _offline(where, error) from error
        raise OutputError(f"{error.filename or 'the cache of the Hub client'}: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        # The client expects the answers of a Hub.
        raise FetchError(
            f"{where}: the answer is not that of a Hub ({type(error).__name__}: {error}): a hotspot or a "
            "proxy may have sent a page of its own: check the network and HF_ENDPOINT"
        ) from error


def _status(error: BaseException | None) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _refused(where: str, error: BaseException | None) -> FetchError:
    status = _status(error)
    if status in (401, 403):
        return FetchError(
            f"{where}: the Hub denied access (HTTP {status}): log in with hf auth login or set HF_TOKEN to a "
            "token with this permission"
        )
    message = " ".join(str(getattr(error, "server_message", None) or "").split())
    details = f": {message}" if message else ""
    return FetchError(f"{where}: the Hub responded with HTTP {status}{details}: try again later")


def _offline(where: str, error: BaseException) -> FetchError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return FetchError(
        f"{where}: cannot reach the Hub ({reason}): check the network and HF_HUB_OFFLINE; local and cached "
        "models can be used without it"
    )
