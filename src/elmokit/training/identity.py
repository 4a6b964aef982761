"""Which run a checkpoint belongs to: its settings, vocabulary and texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elmokit._version import __version__
from elmokit.config import Config
from elmokit.data.corpus import Corpus
from elmokit.data.sources import describe_changes
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import CheckpointError

_REPLAYED = "replayed text"


@dataclass(frozen=True)
class RunIdentity:
    """What must be the same when a run resumes."""

    config: Config
    vocabulary: Vocabulary
    corpus: Corpus
    heldout: Corpus | None
    replay: Corpus | None

    def values(self) -> dict[str, Any]:
        """Return fingerprints, files and settings as plain values, for a checkpoint."""
        return {
            "fingerprints": self._fingerprints(),
            "sources": self._sources(),
            "config": self.config.model_dump(mode="json"),
        }

    def values_of_all_processes(self) -> dict[str, Any]:
        """Return what must be the same in all processes of a run, by a name for messages."""
        settings = self.config.model_dump(mode="json", exclude={"training": {"device", "threads"}})
        sections = {f"{section}.": values for section, values in settings.items()}
        return {
            "version of elmokit": __version__,
            **{f"fingerprint of {name}": value for name, value in self._fingerprints().items()},
            **{prefix + name: value for prefix, values in sections.items() for name, value in values.items()},
        }

    def check(self, values: Mapping[str, Any]) -> Config:
        """Compare with the plain values of a checkpoint.

        Returns:
            The configuration of the checkpoint.

        Raises:
            CheckpointError: when it was made with another configuration, vocabulary or text.
        """
        if (_REPLAYED in values["fingerprints"]) != (self.replay is not None):
            had = "with" if self.replay is None else "without"
            raise CheckpointError(
                f"this run was started {had} replayed text: resume it the same way, or start a new run"
            )
        for name, fingerprint in self._fingerprints().items():
            expected = values["fingerprints"].get(name, fingerprint)
            if expected != fingerprint:
                before = values.get("sources", {}).get(name, [])
                changes = describe_changes(before, self._sources().get(name, []))
                raise CheckpointError(
                    f"the {name} is not the one that this run was started with (fingerprint {fingerprint}, "
                    f"expected {expected}{changes and '; '}{changes}): resume with the same one, or start a "
                    "new run"
                )
        config = Config.parse(values["config"], source="checkpoint")
        differences = config.differences(self.config)
        if differences:
            raise CheckpointError(
                "the checkpoint was made with other settings (checkpoint, given): " + "; ".join(differences)
            )
        return config

    def _texts(self) -> dict[str, Corpus]:
        texts = {"training text": self.corpus, "heldout text": self.heldout, _REPLAYED: self.replay}
        return {name: corpus for name, corpus in texts.items() if corpus is not None}

    def _fingerprints(self) -> dict[str, str]:
        texts = {name: corpus.fingerprint for name, corpus in self._texts().items()}
        return {"vocabulary": self.vocabulary.fingerprint, **texts}

    def _sources(self) -> dict[str, list[dict[str, Any]]]:
        """Return the files of the texts, so that those that have changed can be named."""
        return {name: list(corpus.source_states) for name, corpus in self._texts().items()}
