"""The application: its commands in the order of the road."""

from __future__ import annotations

from typing import Annotated

import typer

from lutloom.cli import (
    attention,
    bitstream,
    classify,
    compare,
    demo,
    emit,
    language,
    lower,
    program,
    report,
    simulate,
    synth,
    train,
    verify,
)
from lutloom.cli.options import describe, examples

app = typer.Typer(
    name="lutloom",
    help="Train look-up-table networks without derivatives and run them on small FPGAs.",
    epilog=examples(
        "lutloom demo                    # the whole road for two models, with a report",
        "lutloom train --recipe hx8k     # one step of it; then lower, emit and so on",
        "lutloom simulate --help",
    ),
    rich_markup_mode="rich",
    add_completion=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    train, lower, emit, simulate, synth, compare, report, demo,
    bitstream, verify, program, classify,
):  # fmt: skip
    app.command(name=module.NAME, help=describe(module.run), epilog=examples(*module.EXAMPLES))(
        module.run
    )

app.add_typer(language.app)
app.add_typer(attention.app)


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)
    ] = False,
) -> None:
    """Answer the options that belong to no command."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"lutloom {installed('lutloom')}")
        raise typer.Exit
