"""The mixtures of an ELMo layer as plain data, to be saved with its model."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch

from elmokit.errors import MixturesWarning
from elmokit.formats.mixtures import Mixture, Mixtures
from elmokit.model.scalar_mix import ScalarMix


def current_mixtures(scalar_mixes: Sequence[ScalarMix]) -> Mixtures:
    """Return the numbers of a layer's mixtures, of which there is at least one."""
    return Mixtures(
        tuple(
            Mixture(tuple(value.item() for value in mix.scalar_parameters), mix.gamma.item())
            for mix in scalar_mixes
        ),
        scalar_mixes[0].do_layer_norm,
    )


@torch.no_grad()
def restore_mixtures(scalar_mixes: Sequence[ScalarMix], saved: Mixtures, *, source: Path) -> None:
    """Copy saved numbers into the mixtures of a layer, if they fit.

    Args:
        scalar_mixes: of the layer; they are modified.
        saved: the numbers.
        source: where they come from, for the message.

    Warns:
        MixturesWarning: if the layer has another number of mixtures, or other normalization; then nothing
            is copied.
    """
    problem = None
    if len(scalar_mixes) != len(saved.mixtures):
        problem = f"{len(saved.mixtures)} saved, num_output_representations={len(scalar_mixes)}"
    elif scalar_mixes[0].do_layer_norm != saved.do_layer_norm:
        problem = (
            f"saved with do_layer_norm={saved.do_layer_norm}, do_layer_norm={scalar_mixes[0].do_layer_norm}"
        )
    if problem is not None:
        warnings.warn(
            f"{source}: the learned mixtures do not fit ({problem}): not restored, they start anew",
            MixturesWarning,
            stacklevel=4,
        )
        return
    for mix, mixture in zip(scalar_mixes, saved.mixtures, strict=True):
        for parameter, value in zip(mix.scalar_parameters, mixture.scalar_parameters, strict=True):
            parameter.fill_(value)
        mix.gamma.fill_(mixture.gamma)
