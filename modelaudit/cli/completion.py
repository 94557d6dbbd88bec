"""``modelaudit completion``: print the script for shell completion of commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from modelaudit.cli.parsing import StrictCommand
from modelaudit.cli.writing import print_text

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion", cls=StrictCommand)
@click.argument("shell", type=click.Choice(_SHELLS))
def command(shell: str) -> int:
    """Print the completion script of a shell.

    For bash: eval "$(modelaudit completion bash)" in ~/.bashrc; for zsh the same with zsh in ~/.zshrc; for fish:
    modelaudit completion fish > ~/.config/fish/completions/modelaudit.fish
    """
    script_class = get_completion_class(shell)
    assert script_class is not None  # Click has a class for each of the three shells
    root = click.get_current_context().find_root()
    print_text(script_class(root.command, {}, "modelaudit", "_MODELAUDIT_COMPLETE").source().strip())
    return 0
