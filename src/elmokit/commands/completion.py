"""elmokit completion: print the script that teaches a shell to complete elmokit's commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from elmokit.console import terminal
from elmokit.console.verb import verb


@verb("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print a script for SHELL; with it, Tab completes commands, options, models and settings.

    Add one of these lines to ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish:

    \b
      eval "$(elmokit completion bash)"
      eval "$(elmokit completion zsh)"
      elmokit completion fish | source

    \b
    Example:
      elmokit completion bash > ~/.local/share/bash-completion/completions/elmokit
    """
    found = get_completion_class(shell)
    assert found is not None  # one for each choice
    root = click.get_current_context().find_root().command
    completion = found(root, {}, "elmokit", "_ELMOKIT_COMPLETE")
    terminal.say(completion.source_template % completion.source_vars())
