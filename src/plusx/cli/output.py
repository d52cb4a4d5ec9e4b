"""Words for people on stderr, one JSON object for programs on stdout."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]

Tta = Annotated[str, typer.Option("--tta", help="Answer by the mean over views of each picture: mirror or shift.")]


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    print(json.dumps(value, ensure_ascii=False))


def say(text: str) -> None:
    """A line for a person, on stderr."""
    typer.echo(text, err=True)
