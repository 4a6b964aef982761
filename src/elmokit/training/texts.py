"""The texts of a run, as its vocabulary sees them."""

from __future__ import annotations

from elmokit.config import Config
from elmokit.data.corpus import Corpus
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.training_stream import TrainingStream
from elmokit.data.vocabulary import Vocabulary
from elmokit.training.text_checks import refuse_shared_files


class RunTexts:
    """Training, heldout and replayed text, each looked up in the vocabulary once.

    Args:
        config: of the run.
        vocabulary: of the model.
        corpus: the training text.
        heldout: text to evaluate on; None for none.
        replay: old text to mix in; None for none.

    Raises:
        CorpusError: when a file is both training and heldout text.

    Warns:
        UnsortedVocabularyWarning: when the sampled softmax is used with a vocabulary that is not sorted by
            descending frequency.
    """

    def __init__(
        self,
        config: Config,
        vocabulary: Vocabulary,
        corpus: Corpus,
        heldout: Corpus | None,
        replay: Corpus | None,
    ) -> None:
        if heldout is not None:
            refuse_shared_files(corpus.source_states, heldout.source_states)
        self._config = config
        max_characters = None if config.model.char_cnn is None else config.model.char_cnn.max_characters

        def index(text: Corpus) -> IndexedCorpus:
            return IndexedCorpus(text, vocabulary, max_characters=max_characters)

        self.training = index(corpus)
        """The training text, without the replayed one."""
        self.heldout = None if heldout is None else index(heldout)
        self.mixed = self.training if replay is None else self.training.with_replay(index(replay))
        """What batches are made of: the training text, and the replayed one where there is any."""
        self._replay_share = 0.0 if replay is None else config.training.replay_share
        if config.training.num_negatives:
            self.training.warn_if_unsorted()

    def stream(self, rows: range | None = None) -> TrainingStream:
        """Return the training batches from the beginning.

        Args:
            rows: those of the batch rows whose text the batches contain; by default all.

        Raises:
            CorpusError: when the corpus has fewer sentences than an update has rows.
        """
        training = self._config.training
        return TrainingStream(
            self.mixed,
            batch_size=training.num_rows,
            unroll_steps=training.unroll_steps,
            bidirectional=self._config.model.bidirectional,
            shuffle=training.shuffle,
            keep_blank_lines=training.blank_lines == "keep",
            seed=training.seed,
            replay_share=self._replay_share,
            rows=rows,
        )
