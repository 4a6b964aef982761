"""The output layer: full and sampled softmax over the vocabulary, with loss and gradient in one pass.

Both losses process their rows in chunks and compute the gradients along the way, so the (N, V) matrix of
logits never exists as a whole.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from elmokit.kernels.cuda.availability import can_launch
from elmokit.kernels.library import can_compute
from elmokit.kernels.matrices import add_product_
from elmokit.kernels.precisions import Precision
from elmokit.kernels.softmax import exponentials_
from elmokit.model.first_order import differentiable_once
from elmokit.model.precision import HasPrecision, without_autocast
from elmokit.model.products import operand, operand_type, product

_CHUNK_ELEMENTS = 1 << 20  # logits in memory at a time: 4 MB in float32, which fits the processor's cache


class Softmax(HasPrecision):
    """The output layer, shared by the two directions: full or sampled softmax cross-entropy.

    Args:
        num_words: V.
        dim: P.
        tied_weight: word embeddings (V, P) to use as the weights; None for weights of its own.
    """

    def __init__(self, num_words: int, dim: int, tied_weight: nn.Parameter | None = None) -> None:
        super().__init__()
        self.is_tied = tied_weight is not None
        self.weight = nn.Parameter(torch.empty(num_words, dim)) if tied_weight is None else tied_weight
        self.bias = nn.Parameter(torch.empty(num_words))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw normal weights with standard deviation 1/sqrt(P) and set the bias to 0; skip tied weights."""
        with torch.no_grad():
            if not self.is_tied:
                self.weight.normal_(0.0, 1.0 / math.sqrt(self.weight.shape[1]), generator=generator)
            self.bias.zero_()

    @without_autocast
    def forward(
        self, hidden: Tensor, targets: Tensor, candidates: Candidates | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute the cross-entropy in nats.

        Args:
            hidden: (N, P).
            targets: (N,) word ids.
            candidates: candidates of the sampled softmax; None for the full softmax.

        Returns:
            The sum over all positions, which is differentiable, and the loss of each position (N,), which
            has no gradient. The sampled softmax gives sparse gradients of weights and bias.
        """
        keep_gradients = torch.is_grad_enabled()
        if candidates is None:
            total, losses = _FullSoftmaxLoss.apply(  # type: ignore[no-untyped-call]
                hidden, self.weight, self.bias, targets, self.precision, keep_gradients
            )
            return total, losses
        sampled_ids = torch.from_numpy(candidates.ids)
        correction = candidates.log_expected_counts_of(sampled_ids)
        true_correction = candidates.log_expected_counts_of(targets)
        total, losses = _SampledSoftmaxLoss.apply(  # type: ignore[no-untyped-call]
            hidden,
            self.weight,
            self.bias,
            targets,
            sampled_ids.to(targets.device, non_blocking=True),
            true_correction.to(hidden),
            correction.to(hidden, non_blocking=True),
            self.precision,
            keep_gradients,
        )
        return total, losses

    def loss(
        self, hidden: Tensor, targets: Tensor, candidates: Candidates | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute the cross-entropy; deprecated name of :meth:`forward`."""
        warnings.warn("Softmax.loss is deprecated: call the module itself", DeprecationWarning, stacklevel=2)
        return self(hidden, targets, candidates)  # type: ignore[no-any-return]

    @torch.no_grad()
    @without_autocast
    def summed_probabilities(self, hidden: Tensor) -> Tensor:
        """Return the probability of each word (V,), summed over the positions of ``hidden`` (N, P)."""
        total = torch.zeros_like(self.bias)
        transposed = operand(self.weight.t(), self.precision)
        for rows in _chunks(len(hidden), len(self.bias)):
            logits = product(hidden[rows], transposed, self.bias)
            total += torch.softmax(logits, dim=1).sum(dim=0)
        return total


class Candidates(NamedTuple):
    """Words drawn without replacement from the log-uniform distribution, and the number of draws it took."""

    ids: np.ndarray
    """(S,) int64, distinct."""
    num_tries: int
    """Number of draws, including repeated ones."""
    num_words: int
    """V."""

    def log_expected_counts(self, ids: np.ndarray) -> np.ndarray:
        """Return the logarithm (float64) of the expected count of each of ``ids`` among the candidates.

        The expected count is ``-expm1(num_tries·log1p(-p))`` with ``p(k) = log((k+2)/(k+1)) / log(V+1)``, as
        in TensorFlow's log-uniform candidate sampler.
        """
        probability = np.log((ids + 2.0) / (ids + 1.0)) / math.log(self.num_words + 1.0)
        counts: np.ndarray = np.log(-np.expm1(self.num_tries * np.log1p(-probability)))
        return counts

    def log_expected_counts_of(self, ids: Tensor) -> Tensor:
        """Return :meth:`log_expected_counts` of ids on any device; nothing waits for a CUDA device."""
        if not ids.is_cuda:
            return torch.from_numpy(self.log_expected_counts(ids.cpu().numpy()))
        ranks = ids.double()
        probability = torch.log((ranks + 2.0) / (ranks + 1.0)) / math.log(self.num_words + 1.0)
        return torch.log(-torch.expm1(self.num_tries * torch.log1p(-probability)))


def draw_candidates(generator: np.random.Generator, num_candidates: int, num_words: int) -> Candidates:
    """Draw word ids until there are ``num_candidates`` distinct ones.

    Small ids, which are the frequent words, are drawn more often: p(k) = log((k+2)/(k+1)) / log(V+1).
    ``num_candidates`` must not exceed ``num_words``.
    """
    assert 0 < num_candidates <= num_words
    draws = np.empty(0, dtype=np.int64)
    while True:
        uniform = generator.random(2 * num_candidates)
        fresh = np.exp(uniform * math.log(num_words + 1.0)).astype(np.int64) - 1
        draws = np.concatenate([draws, np.minimum(fresh, num_words - 1)])
        first_draws = np.sort(np.unique(draws, return_index=True)[1])
        if len(first_draws) >= num_candidates:
            break
    kept = first_draws[:num_candidates]
    return Candidates(draws[kept], int(kept[-1]) + 1, num_words)


class _FullSoftmaxLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        precision: Precision,
        keep_gradients: bool,
    ) -> tuple[Tensor, Tensor]:
        true_weight = weight[targets]
        true_logits = (hidden * true_weight).sum(dim=1) + bias[targets]
        log_totals, grad_hidden, grad_weight, grad_bias = _log_totals(
            hidden, weight, bias, None, None, precision, keep_gradients
        )
        losses = log_totals - true_logits
        if keep_gradients:  # subtract the one-hot targets from the probabilities
            grad_hidden -= true_weight
            grad_weight = grad_weight.contiguous()
            grad_weight.index_add_(0, targets, hidden, alpha=-1)
            grad_bias.index_add_(0, targets, torch.full_like(losses, -1))
            ctx.save_for_backward(grad_hidden, grad_weight, grad_bias)
        ctx.mark_non_differentiable(losses)
        return losses.sum(), losses

    @staticmethod
    @differentiable_once
    @without_autocast
    def backward(ctx: Any, scale: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        grad_hidden, grad_weight, grad_bias = ctx.saved_tensors
        return grad_hidden * scale, grad_weight * scale, grad_bias * scale, None, None, None


class _SampledSoftmaxLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        sampled: Tensor,
        true_correction: Tensor,
        correction: Tensor,
        precision: Precision,
        keep_gradients: bool,
    ) -> tuple[Tensor, Tensor]:
        # A candidate that happens to be the target is not counted as a negative.
        sorted_ids, order = torch.sort(sampled)
        index = torch.searchsorted(sorted_ids, targets).clamp(max=len(sampled) - 1)
        hit_column = torch.where(sorted_ids[index] == targets, order[index], -1)

        true_weight = weight[targets]
        true_logits = (hidden * true_weight).sum(dim=1) + bias[targets] - true_correction  # (N,)
        log_totals, grad_hidden, grad_sampled_weight, grad_sampled_bias = _log_totals(
            hidden,
            weight[sampled],
            bias[sampled] - correction,
            hit_column,
            true_logits,
            precision,
            keep_gradients,
        )
        losses = log_totals - true_logits
        if keep_gradients:
            grad_true = torch.expm1(-losses)  # the probability minus 1
            grad_hidden.addcmul_(grad_true[:, None], true_weight)
            ctx.save_for_backward(
                grad_hidden,
                torch.cat([targets, sampled]),
                torch.cat([grad_true[:, None] * hidden, grad_sampled_weight]),
                torch.cat([grad_true, grad_sampled_bias]),
            )
            ctx.num_words = len(weight)
        ctx.mark_non_differentiable(losses)
        return losses.sum(), losses

    @staticmethod
    @differentiable_once
    @without_autocast
    def backward(ctx: Any, scale: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        grad_hidden, ids, weight_rows, bias_rows = ctx.saved_tensors
        # The ids are in range; PyTorch warns where checks are off without anyone having said so.
        with torch.sparse.check_sparse_tensor_invariants(enable=False):
            grad_weight = torch.sparse_coo_tensor(
                ids[None], weight_rows * scale, (ctx.num_words, weight_rows.shape[1])
            )
            grad_bias = torch.sparse_coo_tensor(ids[None], bias_rows * scale, (ctx.num_words,))
        return grad_hidden * scale, grad_weight, grad_bias, *[None] * 6


def _log_totals(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    excluded: Tensor | None,
    extra: Tensor | None,
    precision: Precision,
    keep_gradients: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the logarithm of each row's sum of exponentials, and its derivatives, summed over the rows.

    Args:
        hidden: (N, P).
        weight: (V, P).
        bias: (V,).
        excluded: (N,) column that does not count in a row, -1 for none; None for no row.
        extra: (N,) a further logit of each row; None for none.
        precision: of the products.
        keep_gradients: whether the derivatives are wanted; otherwise they are empty.

    Returns:
        (N,) logarithms, and the derivatives by ``hidden``, ``weight`` and ``bias``.
    """
    if precision != "float32" and can_launch(hidden, weight, bias):
        from elmokit.kernels.cuda import softmax as on_cuda

        if on_cuda.can_divide(hidden, weight):
            none = torch.full((len(hidden),), -1, device=hidden.device)
            return on_cuda.log_totals_and_gradients(
                hidden.to(operand_type(precision)).contiguous(),
                weight.to(operand_type(precision)).contiguous(),
                bias.contiguous(),
                none if excluded is None else excluded,
                extra,
                keep_gradients=keep_gradients,
            )
    log_totals = hidden.new_empty(len(hidden))
    transposed = weight.t()  # (P, V), as its gradient
    gradients = [
        torch.zeros_like(part, memory_format=torch.contiguous_format) if keep_gradients else part[:0]
        for part in (hidden, transposed, bias)
    ]
    grad_hidden, grad_transposed, grad_bias = gradients
    as_columns = operand(transposed, precision)
    if keep_gradients:
        as_operand = operand(weight, precision)
    for rows in _chunks(len(hidden), len(weight)):
        exponentials = product(hidden[rows], as_columns, bias)  # (n, V), initially the logits
        if excluded is not None:
            _exclude_(exponentials, excluded[rows])
        largest, total = _exponentials_(exponentials)
        log_total = total.log() + largest  # (n, 1)
        if extra is not None:
            log_total = torch.logaddexp(log_total, extra[rows, None])
            total = torch.exp(log_total - largest)
        log_totals[rows] = log_total.squeeze(1)
        if keep_gradients:
            # The probabilities are exponentials / total; dividing (n, P) is cheaper than (n, V).
            grad_hidden[rows] = product(exponentials, as_operand) / total
            _add_gradients_(grad_transposed, grad_bias, hidden[rows], exponentials, total, precision)
    return log_totals, grad_hidden, grad_transposed.t(), grad_bias


def _exclude_(logits: Tensor, columns: Tensor) -> None:
    """Set one logit of each row (n, V) to minus infinity, in the given columns (n,), -1 for none."""
    index = columns.clamp(min=0)[:, None]
    logits.scatter_(1, index, logits.gather(1, index).masked_fill_(columns[:, None] >= 0, -torch.inf))


def _add_gradients_(
    grad_transposed: Tensor,
    grad_bias: Tensor,
    hidden: Tensor,
    exponentials: Tensor,
    totals: Tensor,
    precision: Precision,
) -> None:
    """Add the derivatives of some rows by the weights (P, V) and the bias (V,)."""
    left, inverses = (hidden / totals).t(), totals.reciprocal().squeeze(1)
    if can_compute(grad_transposed, grad_bias, left, exponentials, precision=precision):
        add_product_(
            grad_transposed,
            left,
            exponentials,
            precision=precision,
            column_sums=grad_bias,
            row_weights=inverses,
        )
        return
    if precision == "float32":
        grad_transposed.addmm_(left, exponentials)
    else:
        grad_transposed += product(left, exponentials, precision=precision)
    grad_bias.addmv_(exponentials.t(), inverses)


def _exponentials_(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Replace logits (n, V) by ``exp(logit - maximum of the row)``; return maxima and sums, each (n, 1)."""
    if can_compute(logits):
        return exponentials_(logits)
    largest = logits.amax(dim=1, keepdim=True)
    largest.masked_fill_(largest == -torch.inf, 0.0)
    return largest, logits.sub_(largest).exp_().sum(dim=1, keepdim=True)


def _chunks(num_rows: int, num_columns: int) -> list[slice]:
    size = max(1, min(num_rows, _CHUNK_ELEMENTS // num_columns))
    return [slice(start, min(start + size, num_rows)) for start in range(0, num_rows, size)]
