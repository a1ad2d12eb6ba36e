"""Groups of commands: ``lutloom language …``, ``lutloom attention …``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import ModuleType

import typer

from lutloom.cli.options import describe, examples
from lutloom.errors import MissingExtraError


def make_group(name: str, help_text: str, commands: Sequence[ModuleType]) -> typer.Typer:
    """Make a group of commands that need the extra ``language``.

    Parameters
    ----------
    name : str
    help_text : str
    commands : sequence of module
        Each with ``NAME``, ``EXAMPLES`` and ``run``, in the order of the help.

    Returns
    -------
    Typer
        Shows its help where no command is named.
    """
    app = typer.Typer(
        name=name,
        help=help_text,
        rich_markup_mode="rich",
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for module in commands:
        command = app.command(
            name=module.NAME, help=describe(module.run), epilog=examples(*module.EXAMPLES)
        )
        command(_with_extra(module.run, f"{name} {module.NAME}"))

    @app.callback()
    def common(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())

    return app


def _with_extra(run: Callable[..., None], command: str) -> Callable[..., None]:
    """Turn a package that is not installed into the line that says how to install it."""

    @functools.wraps(run)
    def wrapped(**options: object) -> None:
        try:
            run(**options)
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                f"{command}: the package {error.name} must be installed; run: "
                "pip install 'lutloom[language]'"
            ) from error

    return wrapped
