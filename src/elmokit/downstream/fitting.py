"""Training a downstream model, with early stopping."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from elmokit.downstream.fit_settings import FitSettings
from elmokit.downstream.seeding import seeded
from elmokit.elmo import Elmo
from elmokit.errors import ElmokitError
from elmokit.model.parallel import without_barriers

_BATCHES_PER_POOL = 32


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training data gave."""

    number: int
    loss: float
    """Average over the sentences."""
    dev_score: float
    is_best: bool


def fit(
    model: nn.Module,
    loss_of: Callable[[Sequence[int]], Tensor],
    lengths: np.ndarray,
    dev_score: Callable[[], float],
    settings: FitSettings,
    *,
    on_step: Callable[[int], object] = lambda num_sentences: None,
) -> Iterator[Epoch]:
    """Train a model, yielding after each epoch; in the end the model has the weights of its best one.

    Runs that are given the same arguments are the same to the last bit, and random numbers drawn elsewhere
    neither change them nor are changed. PyTorch's operations use one thread, in ``loss_of`` and ``dev_score``
    as well: they are too small for parallel loops. Other threads run tasks, so that the number of threads
    changes nothing either, but for a biLM that is trained too: it adds up the gradients of its workers.

    Args:
        model: the model; it is in evaluation mode whenever ``dev_score`` is called and at the end.
        loss_of: returns the average loss of the training sentences with the given indexes.
        lengths: (N,) the number of tokens of each training sentence. Sentences of similar length share a
            batch.
        dev_score: returns the score on the dev data, where higher is better.
        settings: see :class:`FitSettings`.
        on_step: called with the number of sentences of each step.

    Raises:
        ElmokitError: if a loss is not finite.
    """
    with seeded(settings.seed):
        random_state = torch.get_rng_state()
    order = np.random.default_rng(settings.seed)
    optimizer = torch.optim.AdamW(_groups(model, settings), weight_decay=settings.weight_decay)
    best_score, best_epoch, best_weights = -math.inf, 0, _weights(model)
    for number in range(1, settings.max_epochs + 1):
        # The code that consumes the epochs has threads and random numbers of its own.
        with without_barriers():
            with torch.random.fork_rng():
                torch.set_rng_state(random_state)
                batches = _batches(lengths, settings.batch_size, order)
                loss = _epoch(model, loss_of, batches, optimizer, settings, on_step)
                random_state = torch.get_rng_state()
            score = dev_score()
            is_best = score > best_score
            if is_best:
                best_score, best_epoch, best_weights = score, number, _weights(model)
        yield Epoch(number, loss, score, is_best)
        if number - best_epoch >= settings.patience:
            break
    with without_barriers():
        model.load_state_dict(best_weights)


def _epoch(
    model: nn.Module,
    loss_of: Callable[[Sequence[int]], Tensor],
    batches: Sequence[list[int]],
    optimizer: torch.optim.Optimizer,
    settings: FitSettings,
    on_step: Callable[[int], object],
) -> float:
    """Run one pass over the training data; return the average loss of a sentence."""
    model.train()
    total = 0.0
    for rows in batches:
        optimizer.zero_grad()
        loss = loss_of(rows)
        if not torch.isfinite(loss):
            raise ElmokitError(
                f"the loss is {loss.item()}, so training cannot go on: choose a smaller learning_rate "
                f"(now {settings.learning_rate:g})"
            )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_gradient_norm)
        optimizer.step()
        total += loss.item() * len(rows)
        on_step(len(rows))
    model.eval()
    return total / sum(map(len, batches))


def _batches(lengths: np.ndarray, batch_size: int, order: np.random.Generator) -> list[list[int]]:
    """Return the batches of an epoch in a random order; those of a pool have sentences of similar length."""
    rows = order.permutation(len(lengths))
    pool_size = batch_size * _BATCHES_PER_POOL
    batches = []
    for start in range(0, len(rows), pool_size):
        pool = rows[start : start + pool_size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[k : k + batch_size].tolist() for k in range(0, len(pool), batch_size)]
    return [batches[k] for k in order.permutation(len(batches))]


def _groups(model: nn.Module, settings: FitSettings) -> list[dict[str, object]]:
    """Return the parameters to train, those of fine-tuned biLMs with their own learning rate."""
    inner = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, Elmo)
        for parameter in module.parameters_of_bilm()
    }
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = (
        ([parameter for parameter in trained if id(parameter) not in inner], settings.learning_rate),
        ([parameter for parameter in trained if id(parameter) in inner], settings.elmo_learning_rate),
    )
    return [{"params": parameters, "lr": rate} for parameters, rate in groups if parameters]


@without_barriers()
def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
