"""A linear-chain conditional random field (Lafferty, McCallum & Pereira 2001).

A sequence of tags ``y`` of a sentence with T tokens has the score ``start[y_1] + Σ emissions[t, y_t] +
Σ transitions[y_(t-1), y_t] + end[y_T]``, and its probability is the softmax of the scores of all sequences
that are allowed. Everything is exact.

B sentences, T tokens of the longest, K tags.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from elmokit.arguments import checked, instance_of, whole_number
from elmokit.errors import ConfigError

# Added to the score of what is forbidden. Its exponential is exactly zero beside every score of a model, but
# unlike minus infinity it has a gradient.
_FORBIDDEN = -1e12
_MOST_TAGS = 1 << 14  # transitions take the square of it


@dataclass(frozen=True)
class Constraints:
    """Which sequences of K tags are allowed."""

    start: Tensor
    """(K,) bool, True where the tag may be the first of a sentence."""
    transitions: Tensor
    """(K, K) bool, True at [i, j] where tag j may follow tag i."""
    end: Tensor
    """(K,) bool, True where the tag may be the last of a sentence."""


class LinearChainCRF(nn.Module):
    """A linear-chain CRF with scores for the first tag, the last tag and each pair of neighbors.

    It computes in double precision: the log partition grows with the length of a document, and what matters
    is its small difference from the score of one sequence. Sequences that are forbidden have probability
    zero, in training as well as in decoding. A sentence without tokens has one sequence of tags, the empty
    one.

    Args:
        num_tags: number of tags K.
        constraints: which sequences are allowed; all by default.
    """

    forbidden_start: Tensor
    forbidden_transitions: Tensor
    forbidden_end: Tensor

    @checked
    def __init__(self, num_tags: int, constraints: Constraints | None = None) -> None:
        super().__init__()
        self.num_tags = whole_number("num_tags", num_tags, least=1, most=_MOST_TAGS)
        self.start = nn.Parameter(torch.empty(num_tags).uniform_(-0.1, 0.1))
        self.transitions = nn.Parameter(torch.empty(num_tags, num_tags).uniform_(-0.1, 0.1))
        self.end = nn.Parameter(torch.empty(num_tags).uniform_(-0.1, 0.1))
        for name, parameter in (("start", self.start), ("transitions", self.transitions), ("end", self.end)):
            allowed = None if constraints is None else getattr(constraints, name)
            if allowed is not None and allowed.shape != parameter.shape:
                raise ConfigError(
                    f"constraints: {name}: expected shape {tuple(parameter.shape)} for {num_tags} tags, got "
                    f"{tuple(allowed.shape)}"
                )
            forbidden = (
                torch.zeros_like(parameter.detach(), dtype=torch.bool) if allowed is None else ~allowed
            )
            # They follow from the tags, which are saved; a state dict has only what is learned.
            self.register_buffer(f"forbidden_{name}", forbidden, persistent=False)

    def __repr__(self) -> str:
        num_forbidden = int(self.forbidden_transitions.sum())
        return f"LinearChainCRF({self.num_tags} tags, {num_forbidden} transitions forbidden)"

    def forward(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """Return the log-probability of the tags of each sentence.

        Args:
            emissions: (B, T, K) the score of each tag at each token.
            tags: (B, T) the index of each token's tag; whatever is at padding is ignored.
            mask: (B, T) bool, True at tokens, which come before the padding.

        Returns:
            (B,) in double precision; about -1e12 for tags that are forbidden.

        Raises:
            ConfigError: if the shapes do not fit, or padding comes before tokens.
        """
        return self.score(emissions, tags, mask) - self.log_partition(emissions, mask)

    def score(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """Return the score (B,) of the tags of each sentence; see :meth:`forward`."""
        emissions = self._checked(emissions, mask)
        if instance_of("tags", tags, Tensor).shape != mask.shape:
            raise ConfigError(f"tags: expected shape {tuple(mask.shape)}, got {tuple(tags.shape)}")
        if tags.dtype != torch.int64:
            raise ConfigError(f"tags: expected int64, got {tags.dtype}")
        start, transitions, end = self._scores(emissions)
        tags = tags.masked_fill(~mask, 0)
        if tags.numel() and not 0 <= int(tags.min()) <= int(tags.max()) < self.num_tags:
            raise ConfigError(f"tags: expected numbers from 0 to {self.num_tags - 1}")
        unary = emissions.gather(2, tags.unsqueeze(2)).squeeze(2)  # (B, T)
        pairs = transitions[tags[:, :-1], tags[:, 1:]]  # (B, T - 1)
        total = (unary * mask).sum(1) + (pairs * mask[:, 1:]).sum(1)
        last = tags.gather(1, (mask.sum(1, keepdim=True) - 1).clamp(min=0)).squeeze(1)
        return total + (start[tags[:, 0]] + end[last]) * mask[:, 0]

    def log_partition(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """Return the logarithm (B,) of the sum of the exponentials of the scores of all sequences.

        It is the forward algorithm, in O(T·K²); see :meth:`forward` for the arguments.
        """
        emissions = self._checked(emissions, mask)
        start, transitions, end = self._scores(emissions)
        alpha = start + emissions[:, 0]  # (B, K): all sequences that end at token t with each tag
        for t in range(1, emissions.shape[1]):
            step = torch.logsumexp(alpha.unsqueeze(2) + transitions, dim=1) + emissions[:, t]
            alpha = torch.where(mask[:, t : t + 1], step, alpha)
        return torch.logsumexp(alpha + end, dim=1) * mask[:, 0]

    def marginals(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """Return the probability (B, T, K) of each tag at each token, zero at padding.

        They are the gradient of the log partition with respect to the emissions. No gradient flows through
        them; see :meth:`forward` for the arguments.
        """
        with torch.inference_mode(False), torch.enable_grad():
            own = emissions.detach().double().clone().requires_grad_()
            total = self.log_partition(own, mask.clone()).sum()
            (gradient,) = torch.autograd.grad(total, own)
        return gradient

    @torch.no_grad()
    def decode(self, emissions: Tensor, mask: Tensor) -> list[list[int]]:
        """Return the most probable tags of each sentence, as indexes: the Viterbi algorithm.

        See :meth:`forward` for the arguments.
        """
        emissions = self._checked(emissions, mask)
        start, transitions, end = self._scores(emissions)
        best = start + emissions[:, 0]  # (B, K): the best sequence that ends at token t with each tag
        origins = []
        for t in range(1, emissions.shape[1]):
            step, origin = (best.unsqueeze(2) + transitions).max(dim=1)
            best = torch.where(mask[:, t : t + 1], step + emissions[:, t], best)
            origins.append(origin)
        last = (best + end).argmax(dim=1).tolist()
        lengths = mask.sum(1).tolist()
        if not origins:
            return [[tag][:length] for tag, length in zip(last, lengths, strict=True)]
        back = torch.stack(origins, dim=1).cpu().numpy()  # (B, T - 1, K)
        return [
            _path(back[row], tag, length) for row, (tag, length) in enumerate(zip(last, lengths, strict=True))
        ]

    def _scores(self, emissions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the parameters, with what is forbidden."""
        start, transitions, end = (
            parameter.to(emissions.dtype).masked_fill(forbidden, _FORBIDDEN)
            for parameter, forbidden in (
                (self.start, self.forbidden_start),
                (self.transitions, self.forbidden_transitions),
                (self.end, self.forbidden_end),
            )
        )
        return start, transitions, end

    def _checked(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """Return the emissions in double precision."""
        instance_of("emissions", emissions, Tensor)
        instance_of("mask", mask, Tensor)
        if emissions.ndim != 3 or emissions.shape[1] == 0 or emissions.shape[2] != self.num_tags:
            raise ConfigError(
                f"emissions: expected shape (B, T, {self.num_tags}) with T > 0, got {tuple(emissions.shape)}"
            )
        if mask.shape != emissions.shape[:2] or mask.dtype != torch.bool:
            raise ConfigError(
                f"mask: expected bool {tuple(emissions.shape[:2])}, got {mask.dtype} {tuple(mask.shape)}"
            )
        if bool((mask[:, 1:] & ~mask[:, :-1]).any()):
            raise ConfigError("mask: padding comes before tokens: put it after the tokens of each sentence")
        return emissions.double()


def _path(origins: np.ndarray, tag: int, length: int) -> list[int]:
    """Return the sequence of ``length`` tags that ends with ``tag``."""
    path = [tag]
    for t in range(length - 2, -1, -1):
        path.append(int(origins[t, path[-1]]))
    return path[::-1][:length]
