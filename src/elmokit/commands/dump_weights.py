"""elmokit dump-weights: write options.json and weights.hdf5."""

from __future__ import annotations

import json
from pathlib import Path

import click

from elmokit.atomic import write_text
from elmokit.bundle import load_model
from elmokit.commands import terminal
from elmokit.errors import OutputError
from elmokit.formats.bilm_hdf5 import write_weights


@click.command("dump-weights")
@click.option(
    "--save-dir", required=True, type=click.Path(path_type=Path), help="Save directory of a training run."
)
@click.option(
    "--outfile",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="HDF5 file to write; options.json goes beside it.",
)
def command(save_dir: Path, outfile: Path) -> None:
    """Write a model in the format that every ELMo tool reads.

    The options.json needs no edit (n_characters is 262, as inference wants it). A model with word
    embeddings gets its vocab.txt beside it too.

    \b
    Example:
      elmokit dump-weights --save-dir model --outfile elmo/weights.hdf5
    """
    pretrained = load_model(save_dir)
    vocabulary = pretrained.vocabulary
    options = pretrained.config.to_bilm_options(num_words=None if vocabulary is None else len(vocabulary))
    files = {outfile.parent / "options.json": json.dumps(options, indent=1) + "\n"}
    if vocabulary is not None and pretrained.config.model.char_cnn is None:
        files[outfile.parent / "vocab.txt"] = "\n".join(vocabulary.words) + "\n"
    for path, text in files.items():
        if path.exists() and path.read_text(encoding="utf-8", errors="replace") != text:
            raise OutputError(
                f"{path}: already there and of another model: name an --outfile in another directory"
            )
    write_weights(outfile, pretrained.config.model, dict(pretrained.model.named_parameters()))
    for path, text in files.items():
        write_text(path, text)
    terminal.say(f"wrote {outfile} and {', '.join(map(str, files))}")
