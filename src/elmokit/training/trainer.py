"""The training loop, and only the loop."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from elmokit.checkpoint import (
    Checkpoint,
    checkpoint_directory,
    remove_old_checkpoints,
    write_checkpoint,
)
from elmokit.config import Config
from elmokit.data.batches import Batch, BatchMaker, TrainingStream
from elmokit.data.corpus import Corpus
from elmokit.data.vocabulary import EOS_ID, UNK_ID, Vocabulary
from elmokit.errors import CheckpointError, ConfigError, ElmokitError
from elmokit.model.bilm import BiLM, DirectionState
from elmokit.model.device import find_device
from elmokit.model.projected_lstm import LstmState
from elmokit.model.softmax import Candidates, draw_candidates
from elmokit.training.evaluation import Evaluation, evaluate, perplexity
from elmokit.training.forward import LanguageModelOutput, run_language_model
from elmokit.training.journal import Journal
from elmokit.training.optimizer import Adagrad, clip_gradients

_KEEP_CHECKPOINTS = 2  # so that one remains when the newest turns out to be damaged


class Dropout:
    """Drops activations at random, from a generator whose state can be saved."""

    def __init__(self, rate: float, generator: torch.Generator) -> None:
        self._keep = 1.0 - rate
        self._generator = generator

    def __call__(self, activation: Tensor, place: str) -> Tensor:
        """Zero each number with the given rate, scale the others up."""
        mask = torch.empty_like(activation).bernoulli_(self._keep, generator=self._generator)
        return activation * mask.div_(self._keep)


@dataclass(frozen=True)
class Progress:
    """Where training stands after a step."""

    step: int
    num_steps: int
    epoch: float
    num_predictions: int
    """Made so far, per direction."""
    perplexity: float
    """Of recent training batches; of the sampled softmax where that is used."""
    tokens_per_second: float
    evaluation: Evaluation | None = None
    is_best: bool = False
    checkpoint: Path | None = None
    stopped_early: bool = False


class Trainer:
    """Trains a biLM.

    Args:
        config: geometry and recipe.
        corpus: the training text.
        vocabulary: of the model.
        save_dir: where checkpoints and records go.
        heldout: text to evaluate on; None for none.

    The state is everything that changes: parameters, accumulators, carried LSTM states, stream
    position, random generators, counters. After :meth:`load_checkpoint` training goes on bit for bit
    as if it had never stopped (on a CPU with the same number of threads).

    Raises:
        ConfigError: when the vocabulary is too small for ``num_negatives``, ``patience`` is set without
            heldout text, or the model has a lexicon.
        CorpusError: when the corpus is too small for ``batch_size``.
    """

    def __init__(
        self,
        config: Config,
        corpus: Corpus,
        vocabulary: Vocabulary,
        *,
        save_dir: Path,
        heldout: Corpus | None = None,
    ) -> None:
        training, char_cnn = config.training, config.model.char_cnn
        if config.model.lexicon is not None:
            raise ConfigError(
                "model.lexicon: models with an alphabet or words of their own (ELMoForManyLangs) are read, "
                "not trained: set lexicon=null"
            )
        if training.num_negatives > len(vocabulary):
            raise ConfigError(
                f"num_negatives={training.num_negatives} exceeds the vocabulary of {len(vocabulary)} words: "
                "lower it, or set num_negatives=0 for the full softmax"
            )
        if training.patience is not None and heldout is None:
            raise ConfigError(f"patience={training.patience} needs heldout text to evaluate on")
        self.config = config
        self.corpus = corpus
        self.vocabulary = vocabulary
        self.heldout = heldout
        self.save_dir = save_dir
        maker = BatchMaker(corpus, vocabulary, None if char_cnn is None else char_cnn.max_characters)
        self.stream = TrainingStream(
            corpus,
            maker,
            batch_size=training.batch_size,
            unroll_steps=training.unroll_steps,
            bidirectional=config.model.bidirectional,
            shuffle=training.shuffle,
            keep_blank_lines=training.blank_lines == "keep",
            seed=training.seed,
        )
        device = find_device(training.device)
        self.model = BiLM(config.model, len(vocabulary))
        self.model.reset_parameters(torch.Generator().manual_seed(training.seed))
        self.model.to(device)
        self.optimizer = Adagrad(
            self.model.parameters(),
            learning_rate=training.learning_rate,
            initial_accumulator=training.initial_accumulator,
        )
        self.state: list[DirectionState] = self.model.zero_state(training.batch_size)
        self.dropout_generator = torch.Generator(device).manual_seed(training.seed)
        self.sampling_generator = np.random.default_rng(training.seed)
        self._dropout = Dropout(training.dropout, self.dropout_generator) if training.dropout else None

        self.step = 0
        self.best_perplexity = math.inf
        self.best_step = 0
        self.evaluations_without_gain = 0
        self.seconds = 0.0  # spent on training steps, evaluation and checkpoints left out
        self._losses: list[float] = []  # since the last record
        self._num_words = self._num_unknown = 0  # targets since then, sentence ends left out
        self._record_seconds = 0.0
        self._last_loss = math.nan  # of the last record

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

    def run(self) -> Iterator[Progress]:
        """Train to the end, yielding after every step.

        Evaluates and writes a checkpoint ``evaluations_per_epoch`` times an epoch and at the end.
        """
        training = self.config.training
        steps_per_epoch = self.stream.num_predictions_per_epoch / self.predictions_per_step
        interval = max(1, round(steps_per_epoch / training.evaluations_per_epoch))
        last_checkpoint = time.monotonic()
        with Journal(self.save_dir, step=self.step) as journal:
            for batch in islice(self.stream, max(0, self.num_steps - self.step)):
                self.train_step(batch, journal)
                is_last = self.step == self.num_steps
                evaluation, is_best, checkpoint = None, False, None
                if is_last or self.step % interval == 0:
                    evaluation, is_best = self._evaluate(journal)
                stops = training.patience is not None and self.evaluations_without_gain >= training.patience
                overdue = time.monotonic() - last_checkpoint > 60 * training.checkpoint_minutes
                if is_last or stops or overdue or self.step % interval == 0:
                    checkpoint = self.save_checkpoint()
                    last_checkpoint = time.monotonic()
                yield Progress(
                    step=self.step,
                    num_steps=self.num_steps,
                    epoch=self.step / steps_per_epoch,
                    num_predictions=self.step * self.predictions_per_step,
                    perplexity=perplexity(self._recent_losses()),
                    tokens_per_second=self.predictions_per_step * self.step / max(self.seconds, 1e-9),
                    evaluation=evaluation,
                    is_best=is_best,
                    checkpoint=checkpoint,
                    stopped_early=stops and not is_last,
                )
                if stops:
                    return

    def train_step(self, batch: Batch, journal: Journal | None = None) -> LanguageModelOutput:
        """One update of the parameters on one batch.

        The loss is the mean of the directions' mean cross-entropies, times ``unroll_steps``.

        Raises:
            ElmokitError: when the loss or the gradient is not finite; the update is not applied.
        """
        training = self.config.training
        started = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        if training.state_reset:
            self._reset_some_lanes()
        output = run_language_model(
            self.model, batch, self.state, dropout=self._dropout, candidates=self._draw_candidates()
        )
        loss = torch.stack(output.totals).sum() / (len(output.totals) * self.predictions_per_step)
        (loss * training.unroll_steps).backward()
        norm = clip_gradients(self.model.parameters(), training.clip_norm)
        loss_value = float(loss.detach())
        if not (math.isfinite(loss_value) and math.isfinite(norm)):
            raise ElmokitError(
                f"step {self.step + 1}: loss {loss_value}, gradient norm {norm}, expected finite numbers: "
                "the update was not applied; lower learning_rate or clip_norm and go on with --resume; "
                f"the batch read {', '.join(map(self.corpus.place, batch.sentences))}"
            )
        self.optimizer.step()
        self.state = output.state
        self.step += 1
        self.seconds += time.perf_counter() - started
        self._losses.append(loss_value)
        self._num_words += int((batch.targets[0] != EOS_ID).sum())
        self._num_unknown += int((batch.targets[0] == UNK_ID).sum())
        if journal is not None:
            if self.step % training.log_interval == 0 or self.step == self.num_steps:
                self._record(journal, norm)
            if training.histogram_interval and self.step % training.histogram_interval == 0:
                parameters = {f"weights/{name}": value for name, value in self.model.named_parameters()}
                activations = {f"activations/{name}": value for name, value in output.activations.items()}
                journal.histograms(self.step, parameters | activations)
        return output

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

    def _recent_losses(self) -> float:
        return float(np.mean(self._losses)) if self._losses else self._last_loss

    def _record(self, journal: Journal, norm: float) -> None:
        training = self.config.training
        num_predictions = len(self._losses) * self.predictions_per_step
        self._last_loss = float(np.mean(self._losses))
        journal.scalars(
            "train",
            self.step,
            {
                "epoch": self.step * self.predictions_per_step / self.stream.num_predictions_per_epoch,
                "predictions": self.step * self.predictions_per_step,
                "seconds": self.seconds,
                "loss": self._last_loss,
                "perplexity": perplexity(self._last_loss),
                "learning_rate": training.learning_rate,
                "gradient_norm": norm,
                "clipped_gradient_norm": min(norm, training.clip_norm),
                "tokens_per_second": num_predictions / max(self.seconds - self._record_seconds, 1e-9),
                "unk_share": self._num_unknown / max(1, self._num_words),
            },
        )
        self._losses, self._record_seconds = [], self.seconds
        self._num_words = self._num_unknown = 0

    def _evaluate(self, journal: Journal) -> tuple[Evaluation | None, bool]:
        if self.heldout is None:
            return None, False
        evaluation = evaluate(self.model, self.heldout, self.vocabulary)
        is_best = evaluation.perplexity < self.best_perplexity
        if is_best:
            self.best_perplexity, self.best_step = evaluation.perplexity, self.step
        self.evaluations_without_gain = 0 if is_best else self.evaluations_without_gain + 1
        journal.scalars("heldout", self.step, {"seconds": self.seconds, **evaluation.as_dict()})
        return evaluation, is_best

    # --- checkpoints -----------------------------------------------------------------------------

    def save_checkpoint(self) -> Path:
        """Write the whole state; keep the last checkpoints and the best one.

        Raises:
            OutputError: when it cannot be written; older checkpoints are untouched.
        """
        parameters = dict(self.model.named_parameters())
        tensors = {
            "model": {name: value.detach() for name, value in parameters.items()},
            "optimizer": {name: self.optimizer.accumulator(value) for name, value in parameters.items()},
            "state": {"dropout_generator": self.dropout_generator.get_state(), **_name_states(self.state)},
        }
        trainer = {
            "step": self.step,
            "best_step": self.best_step,
            "best_perplexity": self.best_perplexity if math.isfinite(self.best_perplexity) else None,
            "evaluations_without_gain": self.evaluations_without_gain,
            "seconds": self.seconds,
            "recent_losses": self._losses,
            "recent_words": [self._num_words, self._num_unknown],
            "recent_seconds": self.seconds - self._record_seconds,
            "stream": self.stream.state_dict(),
            "sampling_generator": self.sampling_generator.bit_generator.state,
            "fingerprints": self._fingerprints(),
            "config": self.config.model_dump(mode="json"),
        }
        directory = checkpoint_directory(self.save_dir, self.step)
        write_checkpoint(directory, Checkpoint(tensors, trainer))
        keep = {self.best_step} if self.best_step else set()
        remove_old_checkpoints(self.save_dir, step=self.step, keep=keep, keep_last=_KEEP_CHECKPOINTS)
        return directory

    def load_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of the same run.

        Raises:
            CheckpointError: when it was made with another configuration, vocabulary or corpus.
        """
        trainer = checkpoint.trainer
        for name, fingerprint in self._fingerprints().items():
            if trainer["fingerprints"].get(name, fingerprint) != fingerprint:
                raise CheckpointError(
                    f"the {name} is not the one that this run was started with (fingerprint {fingerprint}, "
                    f"expected {trainer['fingerprints'][name]}): resume with the same one, or start a new run"
                )
        differences = Config.parse(trainer["config"], source="checkpoint").differences(self.config)
        if differences:
            raise CheckpointError("made with other settings (checkpoint, given): " + "; ".join(differences))
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(checkpoint.tensors["model"][name])
                self.optimizer.accumulator(parameter).copy_(checkpoint.tensors["optimizer"][name])
        state = checkpoint.tensors["state"]
        self.dropout_generator.set_state(state["dropout_generator"])
        self.state = [
            [
                LstmState(
                    state[f"direction{d}_layer{k}_cell"].to(self.model.device),
                    state[f"direction{d}_layer{k}_hidden"].to(self.model.device),
                )
                for k in range(len(layers))
            ]
            for d, layers in enumerate(self.state)
        ]
        self.sampling_generator.bit_generator.state = trainer["sampling_generator"]
        self.stream.load_state_dict(trainer["stream"])
        self.step = trainer["step"]
        self.best_step = trainer["best_step"]
        self.best_perplexity = math.inf if trainer["best_perplexity"] is None else trainer["best_perplexity"]
        self.evaluations_without_gain = trainer["evaluations_without_gain"]
        self.seconds = trainer["seconds"]
        self._losses = trainer["recent_losses"]
        self._num_words, self._num_unknown = trainer["recent_words"]
        self._record_seconds = self.seconds - trainer["recent_seconds"]

    def _fingerprints(self) -> dict[str, str]:
        fingerprints = {"training text": self.corpus.fingerprint, "vocabulary": self.vocabulary.fingerprint}
        if self.heldout is not None:  # the best perplexity so far is one on this text
            fingerprints["heldout text"] = self.heldout.fingerprint
        return fingerprints


def _name_states(state: list[DirectionState]) -> dict[str, Tensor]:
    return {
        f"direction{d}_layer{k}_{name}": value
        for d, layers in enumerate(state)
        for k, layer in enumerate(layers)
        for name, value in layer._asdict().items()
    }
