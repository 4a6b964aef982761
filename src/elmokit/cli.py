"""The table of commands, and how every command reports errors: one line, exit code 2."""

from __future__ import annotations

import os
import signal
import sys

import click

from elmokit._version import __version__
from elmokit.console.other_tools import COMMANDS
from elmokit.console.verb_group import VerbGroup
from elmokit.errors import ElmokitError
from elmokit.errors.addresses import without_secrets

# Module and summary of each verb; a module is imported only when its verb is used.
VERBS = {
    "vocabulary": ("elmokit.commands.vocabulary", "Count words and write a vocabulary file."),
    "shard": ("elmokit.commands.shard", "Shuffle text into training shards and heldout text."),
    "prepare": ("elmokit.commands.prepare", "Prepare a text for training, in parts if need be."),
    "train": ("elmokit.commands.train", "Train a biLM, or resume a training run."),
    "evaluate": ("elmokit.commands.evaluate", "Compute the perplexity of a biLM on a text."),
    "dump-weights": ("elmokit.commands.dump_weights", "Write a model as options.json and weights.hdf5."),
    "convert": ("elmokit.commands.convert", "Convert a model to another format."),
    "embed": ("elmokit.commands.embed", "Write the vectors of every line of a file to HDF5 or Parquet."),
    "embed-tokens": (
        "elmokit.commands.embed_tokens",
        "Precompute the context-free vectors of words.",
    ),
    "score": ("elmokit.commands.score", "Compute the pseudo-perplexity of every sentence of a text."),
    "substitutes": ("elmokit.commands.substitutes", "Predict a word of a sentence from its context."),
    "plot": ("elmokit.commands.plot", "Draw a map of words in context."),
    "curves": ("elmokit.commands.curves", "Draw the learning curves of training runs."),
    "neighbors": ("elmokit.commands.neighbors", "Find the words of a text that are most similar in context."),
    "projector": ("elmokit.commands.projector", "Show words in context in TensorBoard's projector."),
    "explore": ("elmokit.commands.explore", "Type sentences on a local page and see their words in context."),
    "classify": ("elmokit.commands.classify", "Train and use a text classifier."),
    "tag": ("elmokit.commands.tag", "Train and use a sequence tagger."),
    "senses": ("elmokit.commands.senses", "Choose the sense of words in sentences."),
    "pairs": ("elmokit.commands.pairs", "Judge pairs of words in context, or of sentences."),
    "compare": ("elmokit.commands.compare", "Compare embeddings on a task, with tests of significance."),
    "info": ("elmokit.commands.info", "Print the architecture, parameters and training of a model."),
    "models": ("elmokit.commands.models", "List the models that can be loaded by name."),
    "settings": ("elmokit.commands.settings", "List all settings of a model and its training."),
    "completion": ("elmokit.commands.completion", "Print a script for completion in bash, zsh or fish."),
}


class _Verbs(VerbGroup):
    """The group of all commands; it shows the warnings of the library."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        from elmokit.console.library_warnings import shown_warnings  # not needed for --help and --version

        with shown_warnings():
            return super().invoke(ctx)


@click.command(
    cls=_Verbs,
    verbs=VERBS,
    elsewhere=COMMANDS,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        # The scripts of bilm-tf spell options with underscores.
        "token_normalize_func": lambda name: name.replace("_", "-"),
    },
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, "-V", "--version", prog_name="elmokit", message="%(prog)s %(version)s")
def elmokit(debug: bool) -> None:
    """Train, convert and use deep contextualized word vectors (biLM / ELMo).

    \b
    Example:
      elmokit vocabulary --input 'text/*.txt' --output vocab.txt
      elmokit train --train-prefix 'text/*.txt' --vocab-file vocab.txt --save-dir run
    """


def main() -> None:
    """Run the command line; a user error becomes one line on stderr and exit code 2."""
    from elmokit.console.signals import interrupting_signals, number_of
    from elmokit.console.streams import prepare_streams, unstoppable_output

    _bound_spinning()
    prepare_streams()
    debug = "--debug" in sys.argv[1:]
    try:
        with interrupting_signals():
            code = elmokit.main(prog_name="elmokit", standalone_mode=False)
        if code:  # the command has set its own exit code
            sys.exit(code)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx is not None else "elmokit"
        _fail(
            f"{path.removeprefix('elmokit').strip()}: {error.format_message()}".removeprefix(": ")
            + f" (try `{path} --help`)",
            error.exit_code,
        )
    except click.ClickException as error:
        _fail(error.format_message(), 2)
    except BrokenPipeError:  # the reader of our output is gone, as in `elmokit info MODEL | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort) as error:
        number = number_of(error)
        with unstoppable_output():  # the terminal may be gone
            _fail("interrupted" if number == signal.SIGINT else f"ended by {number.name}", 128 + number)
    except (ElmokitError, OSError, MemoryError, RuntimeError) as error:
        if debug or (isinstance(error, RuntimeError) and not _is_out_of_memory(error)):
            raise
        _fail(_one_line(error), 2)


def _bound_spinning() -> None:
    """Let idle threads of OpenMP sleep soon, so that they do not take the processor from other processes.

    PyTorch's OpenMP reads this once, when it is loaded. What the user has set is kept.
    """
    if not os.environ.keys() & {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}:
        os.environ["GOMP_SPINCOUNT"] = "20000"


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether an error is PyTorch's out-of-memory error, on the CPU a plain RuntimeError."""
    return "allocate memory" in str(error) or "out of memory" in str(error)


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, ElmokitError):
        return f"{error.filename or 'input/output'}: {error.strerror or error}"
    if isinstance(error, MemoryError) or _is_out_of_memory(error):
        return "out of memory: try a smaller batch size or model"
    return " ".join(str(error).split("\n"))


def _fail(message: str, code: int) -> None:
    from elmokit.console.terminal import printable

    click.echo(printable(f"elmokit: {without_secrets(' '.join(message.split()))}"), err=True)
    sys.exit(code)
