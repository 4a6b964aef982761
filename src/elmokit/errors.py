"""The errors a user can cause.

Each message says what is wrong, where (file:line, key, tensor), what was found, what was expected
and what to do. The command line prints it on one line and exits with 2.
"""

_LONGEST = 4000  # characters of a message
_END = 1000  # of them at its end, where it says what to do


class ElmokitError(Exception):
    """Base of every error that elmokit raises on purpose.

    A message quotes what stands in files of others, so its text is made fit for one line here: line breaks
    become spaces, what cannot be printed is escaped, and of a very long one the middle is left out.
    """

    def __str__(self) -> str:
        message = super().__str__().replace("\n", " ")
        if not message.isprintable():
            message = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)
        if len(message) > _LONGEST:
            message = f"{message[: _LONGEST - _END].rstrip()} [...] {message[-_END:].lstrip()}"
        return message


class TextError(ElmokitError):
    """Text that cannot be read: no such file, not UTF-8, a forbidden token."""


class VocabularyError(ElmokitError):
    """A vocabulary file that would damage a model: missing specials, duplicates, wrong size."""


class ConfigError(ElmokitError):
    """A setting that is unknown, impossible or contradicts another."""


class CorpusError(ElmokitError):
    """A prepared corpus that is too small, damaged or not the one expected."""


class CheckpointError(ElmokitError):
    """A checkpoint that is missing, damaged or belongs to another run."""


class ModelFileError(ElmokitError):
    """A model whose files are missing, damaged or do not fit its options."""


class OutputError(ElmokitError):
    """Something that cannot be written: no permission, disk full, would overwrite."""


class FetchError(ElmokitError):
    """A model elsewhere that cannot be had or sent: unknown name, no connection, no access, damaged."""


PROTOCOL_EXTRAS = {"s3": "s3", "s3a": "s3", "http": "http", "https": "http"}
"""The extra that brings the package behind a protocol."""


class MissingExtraError(ElmokitError):
    """A feature that needs an optional dependency; the message names the extra to install."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional package: pip install 'elmokit[{extra}]'")
