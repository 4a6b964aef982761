"""elmokit tag predict: tag text, sentence by sentence."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from elmokit.console import terminal
from elmokit.console.downstream import output_option, relocated_option, write_lines
from elmokit.console.inputs import find_input, stdin_chunks
from elmokit.console.models import batch_size_option, device_option
from elmokit.console.modes import json_option, wants_json
from elmokit.console.tagging import format_option, tagger_argument
from elmokit.console.threads import threads_option, use_threads
from elmokit.console.verb import verb
from elmokit.data.read import read_lines

if TYPE_CHECKING:
    from elmokit.downstream.tagging.files import TaggedReader
    from elmokit.downstream.tagging.layouts import TaggedSentence
    from elmokit.downstream.tagging.tagger import Prediction, SequenceTagger

_LINES_PER_CHUNK = 4096


@verb("predict")
@tagger_argument
@click.argument("file", metavar="[FILE]", default="-")
@output_option
@format_option(plain=True)
@click.option(
    "--column",
    metavar="N|NAME",
    help="Column of CoNLL-U to write the tag to.  [default: upos]",
)
@click.option(
    "--probabilities",
    is_flag=True,
    help="Write the probability of each tag after it, as a further column (CoNLL-U: TagProb= in MISC).",
)
@relocated_option
@json_option
@batch_size_option
@device_option
@threads_option
def command(
    tagger_directory: str,
    file: str,
    output: Path,
    layout: str | None,
    column: str | None,
    probabilities: bool,
    embedding: str | None,
    batch_size: int,
    device: str,
    threads: int | None,
) -> None:
    """Tag the sentences of FILE, by default the standard input, as they come.

    Tokenized text, a sentence a line, becomes two columns. In columns, the tag is added as the last one; the
    token is the first. In CoNLL-U, the tag replaces its column, and all else is kept. Probabilities are
    marginals of the CRF, which are not calibrated. With --json, each sentence is an object with tokens, tags
    and probabilities. TAGGER is a directory that `elmokit tag train` has written.

    \b
    Example:
      echo "Ada lives in London" | elmokit tag predict tagger
      elmokit tag predict tagger test.conllu -o tagged.conllu
    """
    from elmokit.downstream.tagging.files import TaggedReader
    from elmokit.downstream.tagging.tagger import SequenceTagger

    use_threads(threads)
    lines = _Lines(stdin_chunks(batch_size) if file == "-" else _chunks_of(read_lines(find_input(file))))
    tagger = SequenceTagger.load(
        tagger_directory, embedding=embedding, device=device, progress=terminal.progress_bar
    )
    reader = TaggedReader("standard input" if file == "-" else file, layout, column, tagged=False)
    write_lines(output, [file], _written(reader, tagger, lines, batch_size, probabilities))


def _written(
    reader: TaggedReader,
    tagger: SequenceTagger,
    lines: _Lines,
    size: int,
    probabilities: bool,
) -> Iterator[str]:
    """Yield the lines of the output."""
    from elmokit.downstream.tagging.files import write_tagged

    for sentence, found in _tagged(reader, tagger, lines, size):
        shares = [
            float(own[tagger.tags.index(tag)])
            for own, tag in zip(found.probabilities, found.tags, strict=True)
        ]
        if wants_json():
            if sentence.tokens or sentence.lines == [""]:
                own = {"tokens": sentence.tokens, "tags": found.tags, "probabilities": shares}
                yield json.dumps(own, ensure_ascii=False)
            continue
        yield from write_tagged(reader.layout, sentence, found.tags, shares if probabilities else None)


def _tagged(
    reader: TaggedReader, tagger: SequenceTagger, lines: _Lines, size: int
) -> Iterator[tuple[TaggedSentence, Prediction]]:
    """Yield sentences with their tags, a few at a time, however long the input goes on."""
    pending: list[TaggedSentence] = []

    def answers() -> Iterator[tuple[TaggedSentence, Prediction]]:
        tokens = [own.tokens for own in pending]
        yield from zip(pending, tagger.predict_iter(tokens, batch_size=size), strict=True)
        pending.clear()

    for sentence in reader.read(lines):
        pending.append(sentence)
        if len(pending) == size or lines.are_used_up:  # answer before waiting for more
            yield from answers()
    yield from answers()


class _Lines:
    """Lines that come a few at a time."""

    def __init__(self, chunks: Iterator[list[str]]) -> None:
        self._chunks = chunks
        self.are_used_up = False
        """Whether the next line may have to be waited for."""

    def __iter__(self) -> Iterator[str]:
        for chunk in self._chunks:
            for number, line in enumerate(chunk, start=1):
                self.are_used_up = number == len(chunk)
                yield line


def _chunks_of(lines: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(itertools.islice(lines, _LINES_PER_CHUNK)):
        yield chunk
