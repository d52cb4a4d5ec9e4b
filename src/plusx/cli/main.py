"""`plusx`: the commands together, and how their errors reach a person."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from plusx import __version__
from plusx.cli.audit import audit
from plusx.cli.embed import embed
from plusx.cli.evaluate import evaluate
from plusx.cli.explain import explain
from plusx.cli.export import export
from plusx.cli.info import info
from plusx.cli.listen import listen
from plusx.cli.models import models
from plusx.cli.pack import pack
from plusx.cli.predict import predict
from plusx.cli.ray import with_address
from plusx.cli.report import report
from plusx.cli.serve import serve
from plusx.cli.shrink import shrink
from plusx.cli.study import study
from plusx.cli.train import train
from plusx.errors import PlusxError

# What typer makes of Ctrl-C: the work was not done, which here is 1.
INTERRUPTED = 130

app = typer.Typer(
    name="plusx",
    help="Residual networks, y = F(x) + x: from a folder of examples to one model file.",
    epilog="Every command: --json prints one JSON object on stdout and nothing else there; --debug shows tracebacks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
ANSWERING = (evaluate, report, predict, explain, embed, listen, serve)
COMMANDS = (audit, train, *ANSWERING, export, shrink, study, pack, models, info)
for command in COMMANDS:
    app.command()(command)


def _say_version(asked: bool) -> None:
    if asked:
        print(f"plusx {__version__}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and exit.")
]


@app.callback()
def _plusx(version: Version = False) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command: exit 0 when it is done, 1 when the work failed, 2 for wrong use."""
    given = with_address(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    try:
        app([argument for argument in given if argument != "--debug"], standalone_mode=True)
    except PlusxError as error:
        if debug:
            raise
        print(f"plusx: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except SystemExit as leaving:
        sys.exit(1 if leaving.code == INTERRUPTED else leaving.code)
    except BrokenPipeError:
        # Whoever read our output has enough (`plusx models | head`).
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()
