"""elmokit dump-weights: write options.json and weights.hdf5."""

from __future__ import annotations

from pathlib import Path

from elmokit.console import terminal
from elmokit.console.models import GivenModel, takes_model
from elmokit.console.modes import json_option
from elmokit.console.outputs import takes_output
from elmokit.console.verb import verb


@verb("dump-weights")
@takes_model(old_option="--save-dir")
@takes_output(
    "HDF5 file to write; options.json and vocab.txt are written next to it.",
    ("--outfile", "-o", "--output"),
    dir_okay=False,
)
@json_option
def command(model: GivenModel, output: Path) -> None:
    """Write a model in the format that every ELMo tool reads.

    The options.json is ready for inference: n_characters is already 262. The softmax is left out, as in
    bilm-tf; `elmokit convert --format bilm` includes it.

    \b
    Example:
      elmokit dump-weights model -o elmo/weights.hdf5
    """
    verb_done = "replaced" if output.exists() else "wrote"
    weights, *others = map(str, model.load().save_bilm(output.parent, weights_file=output.name))
    terminal.report(
        f"{verb_done} {weights} and {', '.join(others)}", output=weights, files=[weights, *others]
    )
