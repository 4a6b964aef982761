"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elmokit.arguments import checked, instance_of
from elmokit.config import Config
from elmokit.data.batches import TextBatch
from elmokit.data.corpus import Corpus
from elmokit.data.read_ahead import ReadAhead
from elmokit.data.training_stream import TrainingStream
from elmokit.data.vocabulary import Vocabulary
from elmokit.errors import ConfigError
from elmokit.files.home import expanded
from elmokit.formats.checkpoint import Checkpoint, damage_named
from elmokit.model.bilm import BiLM, BiLMOutput, BiLMState
from elmokit.model.parallel import computing_threads, without_barriers
from elmokit.model.perplexity import perplexity
from elmokit.training.carried_state import CarriedState
from elmokit.training.counters import Counters
from elmokit.training.distributed import Ranks
from elmokit.training.evaluation import Evaluation
from elmokit.training.gradient_exchange import GradientExchange
from elmokit.training.gradients import clip_gradients
from elmokit.training.heldout_text import HeldoutText
from elmokit.training.identity import RunIdentity
from elmokit.training.journal import Journal, NoJournal
from elmokit.training.length import RunLength
from elmokit.training.new_model import new_model
from elmokit.training.objective import Objective
from elmokit.training.optimizer import RowOptimizer, make_optimizer
from elmokit.training.progress import Progress
from elmokit.training.recent import Recent, WordCounts
from elmokit.training.records import record_step
from elmokit.training.recovery import NonFiniteError, Recovery
from elmokit.training.run_checkpoints import RunCheckpoints
from elmokit.training.run_directory import refuse_foreign_files, write_model_files
from elmokit.training.run_lock import locked
from elmokit.training.schedule import LearningRateSchedule
from elmokit.training.state import TrainingState
from elmokit.training.texts import RunTexts


class Trainer:
    """Trains a biLM.

    Args:
        config: geometry and recipe. The full softmax, which is exact, replaces one that would sample half of
            the vocabulary or more; see :meth:`Config.for_vocabulary`.
        corpus: the training text.
        vocabulary: of the model.
        save_dir: where checkpoints and records go.
        heldout: text to evaluate on; None for none.
        replay: old text that is mixed in by ``replay_share``, against forgetting; None for none.
        ranks: the processes that train together, ``num_processes`` of them, each with a trainer; by default
            this one alone. The main one writes, and all must be able to read what it has written.

    After :meth:`load_checkpoint` training continues bit for bit as if it had never stopped (on a CPU with the
    same number of threads and version of PyTorch).

    Raises:
        ConfigError: when ``patience`` is set without heldout text, the model has a lexicon, or a pattern of
            ``freeze`` matches no parameter.
        CorpusError: when the corpus is too small for ``batch_size``.

    Warns:
        UnsortedVocabularyWarning: when the sampled softmax is used with a vocabulary that is not sorted by
            descending frequency.
    """

    @checked
    def __init__(
        self,
        config: Config,
        corpus: Corpus,
        vocabulary: Vocabulary,
        *,
        save_dir: str | Path,
        heldout: Corpus | None = None,
        replay: Corpus | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.ranks = Ranks() if ranks is None else instance_of("ranks", ranks, Ranks)
        """The processes that train together; by default this one alone."""
        instance_of("vocabulary", vocabulary, Vocabulary)
        for name, text in (("corpus", corpus), ("heldout", heldout), ("replay", replay)):
            if text is not None or name == "corpus":
                instance_of(name, text, Corpus, "a Corpus of prepare_corpus()")
        config = instance_of("config", config, Config).for_vocabulary(len(vocabulary))
        training = config.training
        if training.patience is not None and heldout is None:
            raise ConfigError(f"patience={training.patience} needs heldout text to evaluate on")
        self.config, self.vocabulary, self.save_dir = config, vocabulary, expanded(save_dir)
        self.corpus, self.heldout, self.replay = corpus, heldout, replay
        self.texts = RunTexts(config, vocabulary, corpus, heldout, replay)
        rows = self.ranks.rows(training)
        stream = self.texts.stream(rows)
        self._length = RunLength(training, stream.num_predictions_per_epoch)
        model = new_model(config, self.texts.training, self.ranks.device)
        optimizer = make_optimizer(dict(model.named_parameters()), training)
        self.training_state = TrainingState(
            model=model,
            optimizer=optimizer,
            schedule=LearningRateSchedule(optimizer, training, self._length.num_steps),
            carried=CarriedState(model, rows),
            objective=Objective(model, training, rows),
            # A CUDA device would wait for text otherwise; on a CPU the thread would take its time.
            stream=ReadAhead(stream) if model.device.type == "cuda" else stream,
            counters=Counters(),
            recent=Recent(),
        )
        """Everything that changes, and that a checkpoint holds."""
        self._exchange = GradientExchange(
            model.parameters(), self.ranks, getattr(torch, training.gradient_communication)
        )
        self._identity = RunIdentity(config, vocabulary, corpus, heldout, replay)
        self._checkpoints = RunCheckpoints(self.save_dir)
        self._recovery = Recovery(training, self._checkpoints)
        self._stop_requested = False
        self._heldout = HeldoutText(
            model, self.texts.heldout, self.ranks, is_stopped=lambda: self._stop_requested
        )

    def __repr__(self) -> str:
        return f"Trainer({str(self.save_dir)!r}, step={self.step} of {self.num_steps}, {self.model!r})"

    @property
    def model(self) -> BiLM:
        """The model, on the device of the run."""
        return self.training_state.model

    @property
    def optimizer(self) -> RowOptimizer:
        """The optimizer, a :class:`torch.optim.Optimizer`."""
        return self.training_state.optimizer

    @property
    def stream(self) -> TrainingStream | ReadAhead:
        """The batches, at their present position."""
        return self.training_state.stream

    @property
    def state(self) -> BiLMState:
        """The LSTM states that the next batch of this process starts from."""
        return self.training_state.carried.values

    @property
    def step(self) -> int:
        """Updates done."""
        return self.training_state.counters.step

    @property
    def num_steps(self) -> int:
        """Updates until the end of the last epoch."""
        return self._length.num_steps

    @property
    def predictions_per_step(self) -> int:
        """Targets of one update, per direction."""
        return self._length.predictions_per_step

    @property
    def seconds(self) -> float:
        """Time spent on training steps, evaluations and checkpoints not included."""
        return self.training_state.counters.seconds

    @property
    def best_perplexity(self) -> float:
        """Best perplexity of the heldout text so far; infinite before the first evaluation."""
        return self.training_state.counters.best_perplexity

    @property
    def best_step(self) -> int:
        """Updates after which the best perplexity was measured."""
        return self.training_state.counters.best_step

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update."""
        return self.training_state.schedule.rate(self.step)

    def run(self) -> Iterator[Progress]:
        """Train to the end, yielding after every step.

        Evaluates and writes a checkpoint ``evaluations_per_epoch`` times an epoch and at the end. A batch
        whose loss or gradient is not finite is skipped; after too many in a row training goes back to
        the last checkpoint with half the learning rate, or stops: see ``non_finite``. If ``threads`` is set,
        PyTorch uses that many CPU threads until the run ends.

        Raises:
            OutputError: when the save directory holds another run or another process is training there, or a
                file cannot be written.
            NonFiniteError: when training cannot continue.
            RankError: when the processes have different texts or settings, or one does not answer.
        """
        with ExitStack() as stack, computing_threads(self.config.training.threads):
            with self.ranks.together():
                journal = self._open(stack) if self.ranks.is_main else NoJournal()
            self.ranks.refuse_different(self._identity.values_of_all_processes() | {"step": self.step})
            self.ranks.broadcast([parameter.detach() for parameter in self.model.parameters()])
            for progress in self._steps(journal):
                yield progress
                if progress.stopped_early or progress.stopped:
                    self._stop_requested = False  # it has been met: the same trainer may run on
                    return

    def _open(self, stack: ExitStack) -> Journal:
        """Take the save directory until the stack is closed, and return the journal."""
        refuse_foreign_files(self.save_dir, self.vocabulary)
        stack.enter_context(locked(self.save_dir))
        self._checkpoints.refuse_others()
        journal = stack.enter_context(Journal(self.save_dir, step=self.step))
        write_model_files(self.save_dir, self.config, self.vocabulary)
        return journal

    def _steps(self, journal: Journal | NoJournal) -> Iterator[Progress]:
        """Yield an evaluation that was interrupted, if there is one, then one step after another."""
        if self.training_state.counters.evaluation_is_due:
            yield self._finish_step(journal)
        batches = iter(self.stream)  # which continues from wherever the stream is put
        while self.step < self.num_steps:
            try:
                self.train_step(next(batches), journal)
            except NonFiniteError as error:
                yield self._progress(warning=self._recover(error, journal))
            else:
                yield self._finish_step(journal)

    def request_stop(self) -> None:
        """Make :meth:`run` end after the next step, with a checkpoint; safe in signal handlers."""
        self._stop_requested = True

    @without_barriers()
    def train_step(self, batch: TextBatch, journal: Journal | NoJournal | None = None) -> BiLMOutput:
        """Update the parameters on one batch.

        The loss is the mean of the directions' mean cross-entropies over the rows of all processes, times
        ``unroll_steps``.

        Args:
            batch: the rows that this process computes.
            journal: for the figures of the step; None for none.

        Returns:
            The output of the model for the rows that were computed last, all of them without
            ``accumulation_steps``.

        Raises:
            NonFiniteError: when the loss or the gradient is not finite; the update is not applied.
        """
        training, state = self.config.training, self.training_state
        started = time.perf_counter()
        state.optimizer.zero_grad()
        losses, new_states = [], []
        for loss, output in state.objective.losses(batch, state.carried):
            new_states.append(output.state)
            if len(new_states) == training.accumulation_steps:
                self._exchange.expect()
            (loss * training.unroll_steps).backward()
            losses.append(loss.detach())
        traffic = self._exchange.finish()
        norm_on_device = clip_gradients(self.model.parameters(), training.clip_norm)
        words = WordCounts.of(batch.targets[0].numpy())
        *parts, norm = torch.stack([*losses, norm_on_device]).tolist()  # the only wait for a CUDA device
        loss_value, *counts = self.ranks.sum(sum(parts), *words)
        if not (math.isfinite(loss_value) and math.isfinite(norm)):
            places = ", ".join(map(self.texts.mixed.corpus.location, batch.sentences))
            raise NonFiniteError(
                f"step {self.step + 1}: loss {loss_value}, gradient norm {norm}, expected finite numbers: "
                f"the update was not applied; the batch contains {', '.join(self.ranks.texts(places))}"
            )
        state.schedule.apply(self.step)
        state.optimizer.step()
        state.carried.replace(new_states)
        state.counters.step += 1
        state.counters.non_finite_in_a_row = 0
        elapsed = time.perf_counter() - started
        state.counters.seconds += elapsed
        state.recent.add(loss_value, WordCounts(*map(int, counts)), elapsed, traffic)
        if journal is not None:
            record_step(journal, state, self._length, training, output, norm)
        return output

    def _finish_step(self, journal: Journal | NoJournal) -> Progress:
        """Evaluate and write a checkpoint, if it is time."""
        training, counters = self.config.training, self.training_state.counters
        is_last = self.step == self.num_steps
        is_time = is_last or self.step % self._length.evaluation_interval == 0 or counters.evaluation_is_due
        evaluation, is_best = self._evaluate(journal) if is_time else (None, False)
        stops = training.patience is not None and counters.evaluations_without_gain >= training.patience
        age = self._checkpoints.seconds_since_last if self.ranks.is_main else 0.0
        # Clocks and signals of the processes differ, so they agree.
        stopped, overdue = self.ranks.any(self._stop_requested, age > 60 * training.checkpoint_minutes)
        is_saved = is_time or stops or overdue or stopped
        if is_saved:
            journal.sync()
        return self._progress(
            evaluation=evaluation,
            is_best=is_best,
            checkpoint=self.save_checkpoint() if is_saved else None,
            stopped_early=stops and not is_last,
            stopped=stopped and (counters.evaluation_is_due or not is_last),
        )

    def _evaluate(self, journal: Journal | NoJournal) -> tuple[Evaluation | None, bool]:
        """Evaluate, unless a stop is requested meanwhile; then it is due when the run continues."""
        counters = self.training_state.counters
        counters.evaluation_is_due = self.texts.heldout is not None
        evaluation = self._heldout.evaluate()
        if evaluation is None:
            return None, False
        counters.evaluation_is_due = False
        is_best = counters.count_evaluation(evaluation.perplexity)
        journal.scalars("heldout", self.step, {"seconds": self.seconds, **evaluation.as_dict()})
        return evaluation, is_best

    def _recover(self, error: NonFiniteError, journal: Journal | NoJournal) -> str:
        """Deal with a batch that could not be learned from, and return what was done about it.

        Raises:
            NonFiniteError: when training cannot continue.
        """
        counters, schedule = self.training_state.counters, self.training_state.schedule
        counters.non_finite_in_a_row += 1
        rollback = self._recovery.rollback(error, counters.non_finite_in_a_row)
        if rollback is None:
            return f"{error}; the batch is skipped"
        factor = schedule.factor / 2
        self.load_checkpoint(rollback.checkpoint)
        schedule.factor = factor
        journal.rewind(self.step)
        return (
            f"{rollback.reason}; rolled back to {rollback.directory.name}, learning rate "
            f"{self.config.training.learning_rate:g} x {factor:g} from here on"
        )

    def _progress(self, **news: Any) -> Progress:
        num_predictions = self.step * self.predictions_per_step
        return Progress(
            step=self.step,
            num_steps=self.num_steps,
            epoch=self.step / self._length.steps_per_epoch,
            num_predictions=num_predictions,
            perplexity=perplexity(self.training_state.recent.mean_loss()),
            tokens_per_second=num_predictions / max(self.seconds, 1e-9),
            **news,
        )

    def save_checkpoint(self) -> Path:
        """Write the whole state; keep the last checkpoints and the best one.

        If the save directory has been removed during the run, configuration and vocabulary are written again,
        without which the checkpoint could not be read.

        Raises:
            OutputError: when it cannot be written; older checkpoints are untouched.
        """
        checkpoint = self.training_state.to_checkpoint(self._identity.values(), self.ranks.gather_rows)

        def write() -> str:
            if not (self.save_dir / "config.json").exists():
                write_model_files(self.save_dir, self.config, self.vocabulary)
            best_step = self.best_step if math.isfinite(self.best_perplexity) else None
            return str(self._checkpoints.write(checkpoint, step=self.step, best_step=best_step))

        directory = Path(self.ranks.from_main(write))
        if not self.ranks.is_main:
            self._checkpoints.adopt(self.step)
        self._recovery.checkpoint_written()
        return directory

    def load_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint of the same run.

        Raises:
            CheckpointError: when it was made with another configuration, vocabulary or corpus.
        """
        with damage_named(self.save_dir):
            config = self._identity.check(checkpoint.trainer)
            self.training_state.load_checkpoint(checkpoint)
        if config.training.learning_rate != self.config.training.learning_rate:
            self.training_state.schedule.factor = 1.0  # a new rate is meant as it is given
        self._checkpoints.adopt(self.step)

    def start_from(
        self, parameters: Mapping[str, Tensor], slots: Mapping[str, Tensor], num_updates: int
    ) -> None:
        """Start a new run from given values instead of random ones; it is evaluated before its first step.

        Args:
            parameters: by name; the others keep their values.
            slots: of the optimizer, by ``parameter/slot``; the others keep their values.
            num_updates: behind the slots.
        """
        own = dict(self.model.named_parameters())
        with torch.no_grad():
            for name, value in parameters.items():
                own[name].copy_(value)
        self.optimizer.load_named_slots(slots, num_updates)
        self.training_state.counters.evaluation_is_due = True
