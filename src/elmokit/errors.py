"""The errors a user can cause.

Each message says what is wrong, where (file:line, key, tensor), what was found, what was expected
and what to do. The command line prints it on one line and exits with 2.
"""


class ElmokitError(Exception):
    """Base of every error that elmokit raises on purpose."""


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


class MissingExtraError(ElmokitError):
    """A feature that needs an optional dependency; the message names the extra to install."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional package: pip install 'elmokit[{extra}]'")
