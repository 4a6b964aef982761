"""elmokit explore: a local page to look into a model."""

from __future__ import annotations

import os
import sys
import webbrowser
from contextlib import suppress

import click

from elmokit.commands.neighbors import index_of
from elmokit.console import terminal
from elmokit.console.models import device_option, takes_model
from elmokit.embedder import ElmoEmbedder
from elmokit.explorer.app import make_app
from elmokit.explorer.explorer import Explorer
from elmokit.explorer.server import USUAL_PORT, listen, make_server
from elmokit.pretrained import PretrainedModel


@click.command("explore")
@takes_model(default="tiny-en")
@click.option(
    "--corpus",
    "texts",
    metavar="TEXT",
    multiple=True,
    help="Look for neighbors in this text too, or in an index by `elmokit neighbors`; may be repeated.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=f"Of 127.0.0.1; 0 for any that is free.  [default: {USUAL_PORT}, or another if it is taken]",
)
@click.option("--no-browser", is_flag=True, help="Do not open the page in a browser.")
@device_option
def command(
    pretrained: PretrainedModel, texts: tuple[str, ...], port: int | None, no_browser: bool, device: str
) -> None:
    """Type sentences, and see their words in context, on a local page.

    The map of the words, layer by layer and for any mix of layers; the nearest words in context and without;
    what the language model would put in the place of a word, and how much each word surprises it. The page is
    served to this machine alone, and needs no network. MODEL is anything that `elmokit info` reads, tiny-en,
    which comes with the package, by default.

    \b
    Example:
      elmokit explore
      elmokit explore model --corpus 'text/*.txt'
    """
    with listen(port) as listener:
        embedder = ElmoEmbedder(pretrained, device=device)
        corpus = index_of(texts, embedder) if texts else None
        num_words = len(Explorer.words_to_compare(embedder, corpus))
        with terminal.progress_bar("comparing words", num_words, " words") as bar:
            explorer = Explorer(embedder, corpus, on_words=bar.update)
        server = make_server(make_app(explorer), listener)
        url = f"http://127.0.0.1:{server.port}/"
        terminal.say(f"{url}  (Ctrl-C to stop)")
        if not no_browser and _has_display():
            with suppress(webbrowser.Error, OSError):
                webbrowser.open(url)
        server.serve_forever()  # until Ctrl-C
    terminal.say("stopped")


def _has_display() -> bool:
    """Without one a browser would open inside the terminal."""
    return sys.platform != "linux" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("BROWSER")
    )
