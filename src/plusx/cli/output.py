"""Words for people on stderr, one JSON object for programs on stdout."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plusx.errors import WrongUse

if TYPE_CHECKING:
    from plusx.archive.card import Card

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]

Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        help="What runs the network: torch, onnx, openvino, or auto for the fastest, measured once where there are "
        "200 inputs or more.",
    ),
]
Tta = Annotated[str, typer.Option("--tta", help="Answer by the mean over views of each picture: mirror or shift.")]
Beam = Annotated[int | None, typer.Option("--beam", help="How many readings of a transcript to follow.")]
Threshold = Annotated[
    float | None, typer.Option("--threshold", help="Answer boxes, or labels of any number, from this probability on.")
]
Lm = Annotated[Path | None, typer.Option("--lm", help="A language model (.arpa) that helps to read transcripts.")]

Text = Annotated[
    list[str] | None,
    typer.Option("--text", metavar="WORDS", help="A text itself, for a model of texts; may be repeated."),
]


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    print(json.dumps(value, ensure_ascii=False))


def say_card(card: Card | None) -> None:
    """On stderr, what whoever trained the model says of its use, where they said it."""
    if card is not None:
        say(f"card: {card}")


def shown_card(card: Card | None) -> dict[str, Any]:
    """The card as a part of a command's JSON; nothing where there is none."""
    return {} if card is None else {"card": card.model_dump()}


def say(text: str) -> None:
    """A line for a person, on stderr."""
    typer.echo(text, err=True)


def texts_given(texts: list[str] | None, modality: str) -> list[bytes]:
    """The texts as their files would hold them.

    Raises:
        WrongUse: the model's examples are no texts.
    """
    if texts and modality != "text":
        raise WrongUse(f"--text: this model's examples are {modality}s; give files")
    # What the terminal gave that is no UTF-8 stays what it was, and is an answer's error.
    return [os.fsencode(words) for words in texts or ()]
