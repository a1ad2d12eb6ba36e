"""``lutloom language …``: the commands of the language half, in the order of their road."""

from __future__ import annotations

import typer

from lutloom.cli.language import train
from lutloom.cli.options import describe, examples

app = typer.Typer(
    name="language",
    help="Train a small transformer, and make it cheaper.",
    rich_markup_mode="rich",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (train,):
    app.command(name=module.NAME, help=describe(module.run), epilog=examples(*module.EXAMPLES))(
        module.run
    )


@app.callback()
def common(context: typer.Context) -> None:
    """Show the help where no command is named."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
