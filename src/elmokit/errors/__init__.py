"""The errors a user can cause.

Each message says what is wrong, where (file:line, key, tensor), what was found, what was expected
and what to do. The command line prints it on one line and exits with 2. Where Python has a built-in kind
for the same mistake, an error is of that kind too, so that code which catches ``ValueError``,
``FileNotFoundError`` or ``ImportError`` works as usual.
"""

from elmokit.errors.addresses import without_secrets
from elmokit.errors.installation import install_command

_LONGEST = 4000  # characters of a message
_END = 1000  # of them at its end, where it says what to do


class _OneLine:
    """An error or warning whose message quotes what is in files of others.

    Its text is made fit for one line: line breaks become spaces, characters that cannot be printed are
    escaped, and the middle of a very long message is left out. URLs lose credentials and queries.
    """

    def __init__(self, *arguments: object) -> None:
        super().__init__(*(without_secrets(each) if isinstance(each, str) else each for each in arguments))

    def __str__(self) -> str:
        message = super().__str__().replace("\n", " ")
        if not message.isprintable():
            message = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)
        if len(message) > _LONGEST:
            message = f"{message[: _LONGEST - _END].rstrip()} [...] {message[-_END:].lstrip()}"
        return message


class ElmokitError(_OneLine, Exception):
    """Base of every error that elmokit raises on purpose."""


class TextError(ElmokitError):
    """Text that cannot be read: not UTF-8, damaged, a forbidden token."""


class MissingTextError(TextError, FileNotFoundError):
    """A text that does not exist."""


class VocabularyError(ElmokitError, ValueError):
    """A vocabulary file that would damage a model: missing special tokens, duplicates, wrong size."""


class ConfigError(ElmokitError, ValueError):
    """A setting that is unknown, impossible or contradicts another."""


class MissingConfigError(ConfigError, FileNotFoundError):
    """A configuration file that does not exist."""


class CorpusError(ElmokitError):
    """A prepared corpus that is too small, damaged or not the expected one."""


class StaleCorpusError(CorpusError):
    """A prepared corpus does not belong to the present content of its text."""


class CheckpointError(ElmokitError):
    """A checkpoint that is missing, damaged or belongs to another run."""


class ModelFileError(ElmokitError):
    """A model whose files are damaged or do not match its options."""


class MissingModelError(ModelFileError, FileNotFoundError):
    """A model, or one of its files, that does not exist."""


class OutputError(ElmokitError):
    """Output that cannot be written: no permission, disk full, would overwrite."""


class WorkerError(ElmokitError):
    """A worker process that was killed."""


class FetchError(ElmokitError):
    """A remote model that cannot be fetched or uploaded: unknown name, no connection, no access, damaged."""


PROTOCOL_EXTRAS = {"s3": "s3", "s3a": "s3", "http": "http", "https": "http"}
"""The extra that installs the package for a protocol."""


class MissingExtraError(ElmokitError, ImportError):
    """A feature that needs an optional dependency; the message names the extra to install."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional package: {install_command(extra)}")


class ElmokitWarning(_OneLine, UserWarning):
    """Base of every warning that elmokit gives."""


class CacheNotWritableWarning(ElmokitWarning):
    """The cache of prepared corpora cannot be written, and another directory is used instead."""


class DamagedCacheWarning(ElmokitWarning):
    """A prepared corpus or a downloaded file in the cache is damaged and is made or downloaded again."""


class MixturesWarning(ElmokitWarning):
    """Learned mixtures of an ELMo layer that are not saved, or not restored."""


class UnknownSettingsWarning(ElmokitWarning):
    """Options of a model with settings that elmokit does not know; they are ignored."""


class OverlappingTextsWarning(ElmokitWarning):
    """Texts to evaluate a model on that it was trained with."""


class UnseenLabelsWarning(ElmokitWarning):
    """Labels of texts to evaluate a model on that it cannot predict."""


class UnreachableWordsWarning(ElmokitWarning):
    """A vocabulary of a model with lines that no token can match; they keep their rows."""


class UnsortedVocabularyWarning(ElmokitWarning):
    """A vocabulary that is not sorted by descending frequency, which the sampled softmax assumes."""
