"""Models on the Hugging Face Hub: fetch one, push one.

The Hub's own client does the work: it keeps what it has fetched in its own cache, goes on with broken
downloads, and takes the token of ``HF_TOKEN`` or ``hf auth login``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from elmokit._version import __version__
from elmokit.errors import ElmokitError, FetchError, MissingExtraError, ModelFileError, OutputError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

# What a model consists of. No pickles: they run code when they are read.
_MODEL_FILES = ["*.json", "*.safetensors", "*.hdf5", "*.txt", "*.txt.gz", "README.md"]
_HIDDEN_FILES = [".*", "*/.*"]


def fetch_snapshot(repo_id: str, *, revision: str | None = None) -> Path:
    """The files of a model on the Hub, downloaded if they are not in the Hub client's cache.

    Only files that a model consists of are fetched: JSON, safetensors, HDF5, text and the card. Without
    a network, what was fetched before is taken.

    Args:
        repo_id: ``owner/name``.
        revision: a branch, tag or commit; None for the main branch.

    Returns:
        The directory with the files. It belongs to the client's cache: do not write to it.

    Raises:
        FetchError: when there is no such model, no access or no network; the message says what to do.
        OutputError: when the cache cannot be written.
        MissingExtraError: when huggingface_hub is not installed.
    """
    where = _at(repo_id, revision)
    with _explained(f"fetching {where}", where):
        directory = Path(
            _api().snapshot_download(
                repo_id, revision=revision, allow_patterns=_MODEL_FILES, ignore_patterns=_HIDDEN_FILES
            )
        )
    if not directory.is_dir():  # the client makes none where nothing fits
        raise FetchError(f"{where}: holds no file of a model, expected some of {', '.join(_MODEL_FILES)}")
    return directory


def push_directory(
    directory: str | Path,
    repo_id: str,
    *,
    private: bool = False,
    commit_message: str = "Upload a biLM with elmokit",
    revision: str | None = None,
) -> str:
    """Put the files of a model on the Hub, in one commit; the repository is made if it is missing.

    Files that no model consists of, and hidden ones, stay here; files that are on the Hub only stay there.

    Args:
        directory: of the model.
        repo_id: ``owner/name``.
        private: make the repository private. One that is there and public is refused, not changed.
        commit_message: its first line.
        revision: the branch, made if it is missing; None for the main branch.

    Returns:
        The address of the repository.

    Raises:
        ModelFileError: when there is no such directory, or no file of a model in it.
        FetchError: when there is no token, no right to write or no network; the message says what to do.
        MissingExtraError: when huggingface_hub is not installed.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise ModelFileError(f"{directory}: no such directory: expected the directory of a model")
    if not any(path.is_file() for pattern in _MODEL_FILES for path in directory.glob(f"**/{pattern}")):
        raise ModelFileError(
            f"{directory}: holds no file of a model, expected some of {', '.join(_MODEL_FILES)}"
        )
    where = _at(repo_id, revision)
    with _explained(f"pushing to {where}", where):
        api = _api()
        address = api.create_repo(repo_id, private=private, exist_ok=True)
        if private and not api.repo_info(address.repo_id).private:
            raise FetchError(
                f"{address}: is there and public: make it private on its page, choose another name, or push "
                "without asking for a private one"
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
    from huggingface_hub import HfApi  # of the extra

    # The client reads HF_ENDPOINT when it is imported; whoever sets it later means it as well.
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="elmokit", library_version=__version__)


def _at(repo_id: str, revision: str | None) -> str:
    return repo_id if revision is None else f"{repo_id} at {revision}"


@contextmanager
def _explained(task: str, where: str) -> Iterator[None]:
    """Turn the client's errors into one line each that says what to do."""
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
            f"{where}: its owner asks you to agree to terms first: do so on its page, then log in with "
            "hf auth login or set HF_TOKEN"
        ) from error
    except hub.RepositoryNotFoundError as error:
        raise FetchError(
            f"{where}: no such repository on the Hub, or a private one: check the name; for a private one "
            "log in with hf auth login or set HF_TOKEN"
        ) from error
    except hub.RevisionNotFoundError as error:
        raise FetchError(f"{where}: the repository has no such branch, tag or commit") from error
    except hub.HFValidationError as error:
        raise FetchError(f"{where}: not the name of a repository, expected owner/name") from error
    except hub.LocalEntryNotFoundError as error:
        cause = error.__cause__
        if _status(cause) is not None:
            raise _refused(where, cause) from error
        raise _offline(where, cause or error) from error
    except hub.HfHubHTTPError as error:
        raise _refused(where, error) from error
    # The base of all that goes wrong on the way, whichever package the client's version sends with.
    except (hub.HTTPError, hub.OfflineModeIsEnabled) as error:  # type: ignore[attr-defined]
        raise _offline(where, error) from error
    except OSError as error:
        if error.errno is None:
            raise _offline(where, error) from error
        raise OutputError(f"{error.filename or 'the cache of the Hub client'}: {error.strerror}") from error


def _status(error: BaseException | None) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _refused(where: str, error: BaseException | None) -> FetchError:
    status = _status(error)
    if status in (401, 403):
        return FetchError(
            f"{where}: the Hub refuses (HTTP {status}): log in with hf auth login or set HF_TOKEN to a token "
            "that may do this"
        )
    told = " ".join(str(getattr(error, "server_message", None) or "").split())
    return FetchError(f"{where}: the Hub answers HTTP {status}{': ' + told if told else ''}: try again later")


def _offline(where: str, error: BaseException) -> FetchError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return FetchError(
        f"{where}: cannot reach the Hub ({reason}): check the network and HF_HUB_OFFLINE; without them there "
        "are local models and what was fetched before"
    )
