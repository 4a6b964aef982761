"""elmokit explore: explore a model on a local page."""

from __future__ import annotations

import os
import sys
import webbrowser
from contextlib import suppress
from pathlib import Path

import click

from elmokit.console import terminal
from elmokit.console.models import GivenModel, ModelName, device_option, takes_model
from elmokit.console.threads import threads_option
from elmokit.console.verb import verb
from elmokit.explorer.listening import DEFAULT_PORT, listen


@verb("explore")
@takes_model(default="tiny-en")
@click.argument("other", metavar="[OTHER]", required=False, type=ModelName())
@click.option(
    "--corpus",
    "texts",
    metavar="TEXT",
    multiple=True,
    help="Find neighbors in this text as well, or in an index from `elmokit neighbors`. May be repeated.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=f"Port on 127.0.0.1; 0 for any free port.  [default: {DEFAULT_PORT}, or any if it is in use]",
)
@click.option("--no-browser", is_flag=True, help="Do not open the page in a browser.")
@device_option
@threads_option
def command(
    model: GivenModel,
    other: str | None,
    texts: tuple[str, ...],
    port: int | None,
    no_browser: bool,
    device: str,
) -> None:
    """Type sentences on a local page and see their words in context.

    The page shows a map of the words for each layer and for any mix of layers, the nearest words with and
    without context, the words that the language model predicts in place of a word, and the surprisal of each
    word. It is served only to this machine and needs no network. MODEL is anything that `elmokit info`
    accepts; the default is the bundled model tiny-en. With a second model, OTHER, the page shows both side by
    side, and which words surprise them more or less.

    \b
    Example:
      elmokit explore
      elmokit explore model --corpus 'text/*.txt'
      elmokit explore before after
    """
    given = [model] if other is None else [model, GivenModel(other, threads=model.threads)]
    models = [one.load() for one in given]
    from elmokit.console.neighbor_index import open_or_build_index
    from elmokit.embedder import ElmoEmbedder
    from elmokit.explorer.answers import Answers
    from elmokit.explorer.explorer import Explorer
    from elmokit.explorer.server import PageServer

    with listen(port) as listener:
        explorers = []
        for pretrained in models:
            embedder = ElmoEmbedder(pretrained, device=device)
            corpus = open_or_build_index(texts, embedder) if texts else None
            num_words = len(Explorer.comparison_words(embedder, corpus))
            with terminal.progress_bar("encoding words", num_words, " words") as bar:
                explorers.append(Explorer(embedder, corpus, on_words=bar.update))
        names = [Path(one.name).name or one.name for one in given]
        server = PageServer(Answers(explorers, names), listener)
        url = f"http://127.0.0.1:{server.port}/"
        terminal.say(f"{url}  (Ctrl-C to stop)")
        if not no_browser and _has_display():
            with suppress(webbrowser.Error, OSError):
                webbrowser.open(url)
        with suppress(KeyboardInterrupt):
            server.serve_forever()
        server.server_close()
    terminal.say("stopped")


def _has_display() -> bool:
    """Return whether there is a display; without one, a browser would open inside the terminal."""
    return sys.platform != "linux" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("BROWSER")
    )
