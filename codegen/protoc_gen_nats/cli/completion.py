"""`protonats completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["completion"]

_VARIABLE = "_PROTONATS_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes a shell complete commands and options.

    \b
    Examples:
      protonats completion bash > ~/.local/share/bash-completion/completions/protonats
      protonats completion zsh > "${fpath[1]}/_protonats"
      protonats completion fish > ~/.config/fish/completions/protonats.fish
      source <(protonats completion bash)     # in this shell alone
    """
    kind = get_completion_class(shell)
    assert kind is not None
    root = click.get_current_context().find_root().command
    click.echo(kind(root, {}, "protonats", _VARIABLE).source().strip())
