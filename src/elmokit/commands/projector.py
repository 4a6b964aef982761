"""elmokit projector: show words in context in TensorBoard's Embedding Projector."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from shlex import quote

import click

from elmokit.console import terminal
from elmokit.console.inputs import find_inputs
from elmokit.console.models import GivenModel, device_option, takes_model
from elmokit.console.modes import json_option
from elmokit.console.options import seed_option, words_option
from elmokit.console.outputs import takes_output
from elmokit.console.threads import threads_option
from elmokit.console.verb import verb
from elmokit.data.read import no_token_error, read_sentences, total_bytes
from elmokit.errors.installation import install_command


@verb("projector")
@takes_model()
@click.argument("texts", metavar="SENTENCES.txt...", nargs=-1, required=True)
@takes_output(
    "TensorBoard's log directory; the files are written to DIR/projector.",
    ("-o", "--output", "--logdir"),
    file_okay=False,
)
@words_option
@click.option(
    "--max-points",
    type=click.IntRange(min=2, max=100_000),
    default=10_000,
    show_default=True,
    help="Maximum number of occurrences; more are sampled at random.",
)
@click.option(
    "--layouts/--no-layouts",
    default=True,
    show_default=True,
    help="Add a t-SNE layout of each layer as a bookmark, with colors.",
)
@seed_option
@json_option
@device_option
@threads_option
def command(
    model: GivenModel,
    texts: tuple[str, ...],
    output: Path,
    words: tuple[str, ...],
    max_points: int,
    layouts: bool,
    seed: int,
    device: str,
) -> None:
    """Write the words of SENTENCES.txt, in context, for TensorBoard's Embedding Projector.

    Each layer of the model becomes a tensor of the projector, and so does the average of the layers. Each
    occurrence of a word is a point with its word, its sentence, its position in the sentence (from 0) and the
    frequency of the word in the text. Points can be colored by position and frequency, and by word and
    sentence if there are no more than 50 of them. The bookmark of a layer, at the lower right of the page,
    shows its t-SNE layout, colored by the senses of the WORD, by word if there are several, else by the
    logarithm of the frequency.

    The files form a run of their own, DIR/projector, and replace those of an earlier call; nothing else in
    DIR is touched. A running TensorBoard has to be restarted to show new files. MODEL is anything that
    `elmokit info` accepts.

    \b
    Example:
      elmokit projector model sentences.txt --logdir logs --word play
      tensorboard --logdir logs
    """
    paths = find_inputs(texts)
    pretrained = model.load()
    from elmokit.embedder import ElmoEmbedder
    from elmokit.visualize.projector import write_projector

    embedder = ElmoEmbedder(pretrained, device=device)
    with terminal.progress_bar("reading", total_bytes(paths), "B") as bar:
        sentences = [sentence for path in paths for sentence in read_sentences(path, bar.update)]
    if not any(sentences):
        raise no_token_error(paths)
    if layouts and not (find_spec("openTSNE") and find_spec("sklearn")):
        layouts = False
        terminal.warn(f"written without layouts, which need optional packages: {install_command('plot')}")
    with (
        terminal.progress_bar("embedding", None, " sentences") as bar,
        terminal.progress_bar("laying out", 1.0, "map") as layout_bar,
    ):

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        log = write_projector(
            embedder,
            sentences,
            output,
            words=words,
            max_points=max_points,
            seed=seed,
            layouts=layouts,
            on_sentences=show,
            on_layout=lambda fraction: layout_bar.update(fraction - layout_bar.n),
        )
    if log.num_points < log.num_occurrences:
        terminal.note(
            f"sampled {log.num_points:,} of {terminal.counted(log.num_occurrences, 'occurrence')} at random "
            f"(--max-points, --seed {seed})"
        )
    terminal.report(
        f"{log.directory}: {terminal.counted(log.num_points, 'point')} of width {log.dim}, as "
        + ", ".join(log.tensors),
        output=log.directory,
        num_points=log.num_points,
        num_occurrences=log.num_occurrences,
        dim=log.dim,
        tensors=list(log.tensors),
    )
    if find_spec("tensorboard") is None:
        terminal.warn(f"TensorBoard is not installed: {install_command('tensorboard')}")
    terminal.note(f"next: tensorboard --logdir {quote(str(output))}")
    terminal.note("      and open http://localhost:6006/#projector")
