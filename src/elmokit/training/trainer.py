"""The training loop, and only the loop."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elmokit.config import Config
from elmokit.data.batches import TextBatch
from elmokit.data.corpus import Corpus
from elmokit.data.indexed_corpus import IndexedCorpus
from elmokit.data.training_stream import TrainingStream
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ConfigError, ElmokitError
from elmokit.formats.checkpoint import (
    Checkpoint,
    checkpoint_directory,
    checkpoint_step,
    list_checkpoints,
    read_last_checkpoint,
    remove_old_checkpoints,
    write_checkpoint,
)
from elmokit.model.bilm import BiLM, BiLMOutput, DirectionState
from elmokit.model.device import find_device
from elmokit.model.dropout import Dropout
from elmokit.model.lstm.interface import LstmState
from elmokit.model.softmax import Candidates, draw_candidates
from elmokit.training.evaluation import Evaluation, evaluate, perplexity
from elmokit.training.journal import Journal, Recent
from elmokit.training.optimizer import clip_gradients, learning_rate_at, make_optimizer
from elmokit.training.parameter_names import matching_names
from elmokit.training.progress import Progress
from elmokit.training.run_directory import describe_model
from elmokit.training.run_lock import locked
from elmokit.training.state import restore_snapshot, take_snapshot
from elmokit.training.unigrams import start_from_unigrams

_KEEP_CHECKPOINTS = 2  # so that one remains when the newest turns out to be damaged
_MAX_ROLLBACKS = 5  # to the same checkpoint: a learning rate of a thirtieth has not helped


class NonFiniteError(ElmokitError):
    """A loss or gradient that is not finite."""


class _StoppedError(Exception):
    """Leaves an evaluation that nobody waits for."""


class Trainer:
    """Trains a biLM.

    Args:
        config: geometry and recipe; see :meth:`Config.for_vocabulary` for few words.
        corpus: the training text.
        vocabulary: of the model.
        save_dir: where checkpoints and records go.
        heldout: text to evaluate on; None for none.
        replay: old text to be mixed in by ``replay_share``, against forgetting; None for none.

    The state is everything that changes: parameters, optimizer, carried LSTM states, stream
    position, random generators, counters. After :meth:`load_checkpoint` training goes on bit for bit
    as if it had never stopped (on a CPU with the same number of threads).

    Raises:
        ConfigError: when ``patience`` is set without heldout text, the model has a lexicon, or a pattern of
            ``freeze`` matches no parameter.
        CorpusError: when the corpus is too small for ``batch_size``.
    """

    def __init__(
        self,
        config: Config,
        corpus: Corpus,
        vocabulary: Vocabulary,
        *,
        save_dir: str | Path,
        heldout: Corpus | None = None,
        replay: Corpus | None = None,
    ) -> None:
        if config.model.lexicon is not None:
            raise ConfigError(
                "model.lexicon: models with an alphabet or words of their own (ELMoForManyLangs) are read, "
                "not trained: set lexicon=null"
            )
        config = config.for_vocabulary(len(vocabulary))
        training, char_cnn = config.training, config.model.char_cnn
        if training.patience is not None and heldout is None:
            raise ConfigError(f"patience={training.patience} needs heldout text to evaluate on")
        self.config = config
        self.corpus = corpus
        self.vocabulary = vocabulary
        self.heldout = heldout
        self.replay = replay
        self.save_dir = Path(save_dir)
        max_characters = None if char_cnn is None else char_cnn.max_characters
        self._text = IndexedCorpus(corpus, vocabulary, max_characters=max_characters)
        if replay is not None:
            old = IndexedCorpus(replay, vocabulary, max_characters=max_characters)
            self._text = self._text.with_replay(old)
        self.stream = self.new_stream()
        device = find_device(training.device)
        self.model = BiLM(config.model, len(vocabulary))
        self.model.reset_parameters(torch.Generator().manual_seed(training.seed))
        if training.unigram_bias:
            start_from_unigrams(self.model, corpus, vocabulary)
        self.model.to(device)
        parameters = dict(self.model.named_parameters())
        for name in matching_names(training.freeze, parameters, setting="freeze"):
            parameters[name].requires_grad_(False)
        if not any(parameter.requires_grad for parameter in parameters.values()):
            raise ConfigError(f"freeze={list(training.freeze)}: leaves no parameter to be trained")
        self.optimizer = make_optimizer(parameters, training)
        self.state: list[DirectionState] = self.model.zero_state(training.batch_size)
        self.dropout_generator = torch.Generator(device).manual_seed(training.seed)
        self.sampling_generator = np.random.default_rng(training.seed)
        self._dropout = Dropout(training.dropout, self.dropout_generator) if training.dropout else None

        self.step = 0
        self.best_perplexity = math.inf
        self.best_step = 0  # of the best perplexity, where that is finite
        self.evaluations_without_gain = 0
        self.evaluation_is_due = False  # the run was stopped before or during one
        self.non_finite_in_a_row = 0
        self.learning_rate_factor = 1.0  # halved whenever training is rolled back
        self.seconds = 0.0  # spent on training steps, evaluation and checkpoints left out
        self.recent = Recent()
        self._stop_requested = False
        self._rollbacks_in_a_row = 0
        self._last_checkpoint = time.monotonic()
        self._own_checkpoints: set[int] = set()  # steps; no others are ever deleted

    @property
    def predictions_per_step(self) -> int:
        """Targets of one batch, per direction."""
        return self.config.training.batch_size * self.config.training.unroll_steps

    @property
    def num_steps(self) -> int:
        """Updates until the last epoch is over."""
        training = self.config.training
        steps = training.num_epochs * self.stream.num_predictions_per_epoch // self.predictions_per_step
        return max(1, min(steps, training.max_steps or steps))

    def new_stream(self) -> TrainingStream:
        """The batches from the start."""
        training = self.config.training
        return TrainingStream(
            self._text,
            batch_size=training.batch_size,
            unroll_steps=training.unroll_steps,
            bidirectional=self.config.model.bidirectional,
            shuffle=training.shuffle,
            keep_blank_lines=training.blank_lines == "keep",
            seed=training.seed,
            replay_share=0.0 if self.replay is None else training.replay_share,
        )

    @property
    def learning_rate(self) -> float:
        """Of the next update."""
        rate = learning_rate_at(self.step, self.num_steps, self.config.training)
        return rate * self.learning_rate_factor

    def run(self) -> Iterator[Progress]:
        """Train to the end, yielding after every step.

        Evaluates and writes a checkpoint ``evaluations_per_epoch`` times an epoch and at the end. A batch
        whose loss or gradient is not finite is skipped; after too many in a row training goes back to
        the last checkpoint with half the learning rate, or stops: see ``non_finite``.

        Raises:
            OutputError: when another run is at work in the save directory, or a file cannot be written.
            NonFiniteError: when training cannot go on.
        """
        with locked(self.save_dir), Journal(self.save_dir, step=self.step) as journal:
            describe_model(self.save_dir, self.config, self.vocabulary)
            if self.evaluation_is_due:
                yield (progress := self._look_around(journal))
                if progress.stopped_early or progress.stopped:
                    return
            batches = iter(self.stream)  # which goes on from wherever the stream is put
            while self.step < self.num_steps:
                try:
                    self.train_step(next(batches), journal)
                except NonFiniteError as error:
                    progress = self._progress(warning=self._skip_or_roll_back(error, journal))
                else:
                    progress = self._look_around(journal)
                yield progress
                if progress.stopped_early or progress.stopped:
                    return

    def request_stop(self) -> None:
        """Make :meth:`run` end after the step it is at, with a checkpoint; for signal handlers."""
        self._stop_requested = True

    def train_step(self, batch: TextBatch, journal: Journal | None = None) -> BiLMOutput:
        """One update of the parameters on one batch.

        The loss is the mean of the directions' mean cross-entropies, times ``unroll_steps``.

        Raises:
            NonFiniteError: when the loss or the gradient is not finite; the update is not applied.
        """
        training = self.config.training
        started = time.perf_counter()
        self.optimizer.zero_grad()
        if training.state_reset:
            self._reset_some_lanes()
        output: BiLMOutput = self.model(
            batch.to(self.model.device), self.state, self._draw_candidates(), dropout=self._dropout
        )
        totals = [part.total_loss for part in output.directions if part.total_loss is not None]
        loss = torch.stack(totals).sum() / (len(totals) * self.predictions_per_step)
        (loss * training.unroll_steps).backward()
        norm = clip_gradients(self.model.parameters(), training.clip_norm)
        loss_value = float(loss.detach())
        if not (math.isfinite(loss_value) and math.isfinite(norm)):
            raise NonFiniteError(
                f"step {self.step + 1}: loss {loss_value}, gradient norm {norm}, expected finite numbers: "
                "the update was not applied; the batch read "
                + ", ".join(map(self._text.corpus.place, batch.sentences))
            )
        learning_rate = self.learning_rate
        self.optimizer.step(learning_rate)
        self.state = output.state
        self.step += 1
        self.non_finite_in_a_row = 0
        elapsed = time.perf_counter() - started
        self.seconds += elapsed
        self.recent.add(loss_value, batch.targets[0].numpy(), elapsed)
        if journal is not None:
            if self.step % training.log_interval == 0 or self.step == self.num_steps:
                self._record(journal, norm, learning_rate)
            if training.histogram_interval and self.step % training.histogram_interval == 0:
                parameters = {f"weights/{name}": value for name, value in self.model.named_parameters()}
                activations = {f"activations/{name}": value for name, value in output.activations().items()}
                journal.histograms(self.step, parameters | activations)
        return output

    def _look_around(self, journal: Journal) -> Progress:
        """After a step: evaluate and write a checkpoint, if it is time."""
        training = self.config.training
        is_last = self.step == self.num_steps
        is_time = is_last or self.step % self._evaluation_interval == 0 or self.evaluation_is_due
        evaluation, is_best = self._evaluate(journal) if is_time else (None, False)
        stops = training.patience is not None and self.evaluations_without_gain >= training.patience
        overdue = time.monotonic() - self._last_checkpoint > 60 * training.checkpoint_minutes
        is_saved = is_time or stops or overdue or self._stop_requested
        return self._progress(
            evaluation=evaluation,
            is_best=is_best,
            checkpoint=self.save_checkpoint() if is_saved else None,
            stopped_early=stops and not is_last,
            stopped=self._stop_requested and (self.evaluation_is_due or not is_last),
        )

    def _progress(self, **news: Any) -> Progress:
        return Progress(
            step=self.step,
            num_steps=self.num_steps,
            epoch=self.step / self._steps_per_epoch,
            num_predictions=self.step * self.predictions_per_step,
            perplexity=perplexity(self.recent.mean_loss()),
            tokens_per_second=self.predictions_per_step * self.step / max(self.seconds, 1e-9),
            **news,
        )

    @property
    def _steps_per_epoch(self) -> float:
        return self.stream.num_predictions_per_epoch / self.predictions_per_step

    @property
    def _evaluation_interval(self) -> int:
        return max(1, round(self._steps_per_epoch / self.config.training.evaluations_per_epoch))

    def _skip_or_roll_back(self, error: NonFiniteError, journal: Journal) -> str:
        """Deal with a batch that could not be learned from; what was done about it.

        Raises:
            NonFiniteError: when training cannot go on.
        """
        training = self.config.training
        self.non_finite_in_a_row += 1
        if self.non_finite_in_a_row < training.non_finite_limit:
            return f"{error}; the batch is skipped"
        times = f"{self.non_finite_in_a_row} batches in a row, the last at {error}"
        if training.non_finite == "stop" or not list_checkpoints(self.save_dir):
            raise NonFiniteError(f"{times}; lower learning_rate or clip_norm and go on with --resume")
        if self._rollbacks_in_a_row == _MAX_ROLLBACKS:
            raise NonFiniteError(
                f"{times}; training was rolled back {_MAX_ROLLBACKS} times since its last checkpoint, to no "
                "avail: lower learning_rate or clip_norm and go on with --resume"
            )
        factor = self.learning_rate_factor / 2
        directory, checkpoint, _ = read_last_checkpoint(self.save_dir)
        self.load_checkpoint(checkpoint)
        self.learning_rate_factor = factor
        self._rollbacks_in_a_row += 1
        journal.rewind(self.step)
        return (
            f"{times}; rolled back to {directory.name}, learning rate "
            f"{training.learning_rate:g} x {self.learning_rate_factor:g} from here on"
        )

    def _reset_some_lanes(self) -> None:
        """Zero the states of a few lanes.

        Carried from window to window, the state is never zero again after the first one, and a model
        that has not seen a zero state since does badly from it.
        """
        training = self.config.training
        keeps = self.sampling_generator.random(training.batch_size) >= training.state_reset
        mask = torch.from_numpy(keeps)[:, None].to(self.model.device)
        self.state = [
            [LstmState(layer.cell * mask, layer.hidden * mask) for layer in layers] for layers in self.state
        ]

    def _draw_candidates(self) -> list[Candidates] | None:
        num_negatives = self.config.training.num_negatives
        if num_negatives == 0:
            return None
        return [
            draw_candidates(self.sampling_generator, num_negatives, len(self.vocabulary)) for _ in self.state
        ]

    def _record(self, journal: Journal, norm: float, learning_rate: float) -> None:
        training, recent = self.config.training, self.recent
        num_predictions = len(recent.losses) * self.predictions_per_step
        loss = recent.mean_loss()
        journal.scalars(
            "train",
            self.step,
            {
                "epoch": self.step * self.predictions_per_step / self.stream.num_predictions_per_epoch,
                "predictions": self.step * self.predictions_per_step,
                "seconds": self.seconds,
                "loss": loss,
                "perplexity": perplexity(loss),
                "learning_rate": learning_rate,
                "gradient_norm": norm,
                "clipped_gradient_norm": min(norm, training.clip_norm),
                "tokens_per_second": num_predictions / max(recent.seconds, 1e-9),
                "unk_share": recent.num_unknown / max(1, recent.num_words),
            },
        )
        recent.start_anew()

    def _evaluate(self, journal: Journal) -> tuple[Evaluation | None, bool]:
        """Evaluate, unless a stop is requested before it is done; then it is due when the run goes on."""
        if self.heldout is None:
            self.evaluation_is_due = False
            return None, False
        self.evaluation_is_due = True
        try:
            evaluation = evaluate(self.model, self.heldout, self.vocabulary, on_tokens=self._check_for_stop)
        except _StoppedError:
            return None, False
        self.evaluation_is_due = False
        is_best = evaluation.perplexity < self.best_perplexity
        if is_best:
            self.best_perplexity, self.best_step = evaluation.perplexity, self.step
        self.evaluations_without_gain = 0 if is_best else self.evaluations_without_gain + 1
        journal.scalars("heldout", self.step, {"seconds": self.seconds, **evaluation.as_dict()})
        return evaluation, is_best

    def _check_for_stop(self, _: int) -> None:
        if self._stop_requested:
            raise _StoppedError

    def save_checkpoint(self) -> Path:
        """Write the whole state; keep the last checkpoints and the best one.

        Raises:
            OutputError: when it cannot be written; older checkpoints are untouched.
        """
        directory = checkpoint_directory(self.save_dir, self.step)
        write_checkpoint(directory, take_snapshot(self))
        self._own_checkpoints.add(self.step)
        keep = {self.best_step} if math.isfinite(self.best_perplexity) else set()
        remove_old_checkpoints(
            self.save_dir,
            made=self._own_checkpoints,
            step=self.step,
            keep=keep,
            keep_last=_KEEP_CHECKPOINTS,
        )
        self._last_checkpoint = time.monotonic()
        self._rollbacks_in_a_row = 0
        return directory

    def load_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of the same run.

        Raises:
            CheckpointError: when it was made with another configuration, vocabulary or corpus.
        """
        restore_snapshot(self, checkpoint)
        if checkpoint_directory(self.save_dir, self.step).is_dir():  # then the run in this directory is ours
            self._own_checkpoints |= set(map(checkpoint_step, list_checkpoints(self.save_dir)))
