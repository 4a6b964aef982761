"""elmokit dump-weights: write options.json and weights.hdf5."""

from __future__ import annotations

from pathlib import Path

import click

from elmokit.console import terminal
from elmokit.console.models import takes_model
from elmokit.pretrained import PretrainedModel


@click.command("dump-weights")
@takes_model(option="--save-dir")
@click.option(
    "--outfile",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="HDF5 file to write; options.json and vocab.txt are written next to it.",
)
def command(pretrained: PretrainedModel, outfile: Path) -> None:
    """Write a model in the format that every ELMo tool reads.

    The options.json is ready for inference: n_characters is already 262. The softmax is left out, as in
    bilm-tf; `elmokit convert --format bilm` includes it.

    \b
    Example:
      elmokit dump-weights --save-dir model --outfile elmo/weights.hdf5
    """
    verb = "replaced" if outfile.exists() else "wrote"
    weights, *others = pretrained.save_bilm(outfile.parent, weights_file=outfile.name)
    terminal.say(f"{verb} {weights} and {', '.join(map(str, others))}")
