"""``lutloom language …``: the commands of the language half, in the order of their road."""

from __future__ import annotations

import functools
from collections.abc import Callable

import typer

from lutloom.cli.language import corpus, demo, eliminate, pack, train, unpack
from lutloom.cli.language import slice as slice_
from lutloom.cli.options import describe, examples
from lutloom.errors import MissingExtraError


def _with_extra(run: Callable[..., None], name: str) -> Callable[..., None]:
    """Turn a package that is not installed into the line that says how to install it."""

    @functools.wraps(run)
    def wrapped(**options: object) -> None:
        try:
            run(**options)
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                f"language {name}: the package {error.name} must be installed; run: "
                "pip install 'lutloom[language]'"
            ) from error

    return wrapped


app = typer.Typer(
    name="language",
    help="Train a small transformer, and make it cheaper.",
    rich_markup_mode="rich",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (corpus, train, eliminate, slice_, pack, unpack, demo):
    command = app.command(
        name=module.NAME, help=describe(module.run), epilog=examples(*module.EXAMPLES)
    )
    command(_with_extra(module.run, module.NAME))


@app.callback()
def common(context: typer.Context) -> None:
    """Show the help where no command is named."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
