"""`explain.html`: every explanation on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from plusx.data.cache import Prepared
from plusx.page import Block, Card, Figure, Gallery, Note, Page, Paragraph, Section, Table
from plusx.page.examples import example_card
from plusx.understand.explained import Explainer
from plusx.understand.origin import place_words
from plusx.understand.overlay import colours
from plusx.words import percent

MOST_CARDS = 100
NOTHING = {"sound": "silence", "text": "no text"}


class Shown(NamedTuple):
    """An explanation's row and its card, without a title yet."""

    row: Mapping[str, Any]
    card: Card


def page_of(
    explainer: Explainer, rows: Sequence[Mapping[str, Any]], shown: Sequence[Shown], near: Prepared | None
) -> Page:
    """The page of explanations, with the examples that are like each where a set was searched for them.

    Args:
        explainer: what explained them.
        rows: of all inputs.
        shown: the explanations that the page shows.
        near: the set that the rows' `nearest` are of.
    """
    method = explainer.method
    bad = [(_name(row), row["error"]) for row in rows if row["error"]]
    good = len(rows) - len(bad)
    count = f"{good:,} of {len(rows):,} inputs"
    lede = f"What mattered for the answers of {_model_name(explainer)} to {count}, by {method.title}."
    sections = [Section("How to read it", _how(explainer))]
    cards = [_card(*one) for one in shown]
    if near is None:
        sections.append(Section("Explanations", [Gallery(cards)]))
    else:
        for card, (row, _) in zip(cards, shown, strict=True):
            like = [_neighbour(explainer, near, found) for found in row["nearest"]]
            sections.append(Section(Path(_name(row)).name, [Gallery([card, *like])]))
    if good > len(shown):
        text = f"Of {good:,} explanations the first {len(shown)} are here; the pictures of all are beside this page."
        sections.append(Section("More", [Paragraph(text)]))
    if bad:
        sections.append(Section("Not explained", [Table(("input", "why"), bad)]))
    return Page("What mattered", lede, sections)


def _model_name(explainer: Explainer) -> str:
    path = explainer.archive.path
    return "the model" if path is None else f"{path.parent.name}/{path.name}"


def _how(explainer: Explainer) -> list[Block]:
    method, modality = explainer.method, explainer.spec.modality
    about = [Paragraph(f"{method.does} {ABOUT[explainer.task.name]}")]
    if method.layered:
        about.append(Paragraph(f"The map is that of {explainer.shown_layer}, spread over the input."))
    else:
        nothing = NOTHING.get(modality, "the mean of what the network was trained on")
        about.append(Paragraph(f"An empty input, or a covered place, shows {nothing}."))
    return [*about, Note(method.proves_not, "warn"), _legend(signed=method.signed, text=modality == "text")]


ABOUT = {
    "classify": "The score is the label's logit.",
    "multilabel": "The score is the label's log odds.",
    "regress": "The score is the number itself.",
    "segment": "The score is the label's mean logit over the region that is answered so, which a white line surrounds.",
    "detect": "The score is the logit of the label's likeliest box, which is drawn in white.",
    "transcribe": "The score is the logarithm of the text's likeliest path, over the frames with a character.",
    "embed": "The score is how far the vector goes in its own direction, before it is brought to length 1.",
}
"""What of an answer is explained, by task."""


def _legend(*, signed: bool, text: bool) -> Figure:
    ends = ("most against the answer", "nothing", "most for it") if signed else ("nothing", "", "mattered most")
    if text:
        stops = ["#c85014", "#ffffff", "#2f6fde"] if signed else ["#ffffff", "#2f6fde"]
    else:
        levels = np.linspace(-1 if signed else 0, 1, 13)
        stops = [
            "#" + "".join(f"{value:02x}" for value in colour) for colour in colours(levels, signed=signed).tolist()
        ]
    inner = "".join(
        f'<stop offset="{place / (len(stops) - 1):.3f}" stop-color="{stop}"/>' for place, stop in enumerate(stops)
    )
    anchors = zip((0, 200, 400), ("start", "middle", "end"), ends, strict=True)
    words = "".join(
        f'<text x="{x}" y="32" font-size="11" fill="currentColor" text-anchor="{anchor}">{escape(end)}</text>'
        for x, anchor, end in anchors
    )
    svg = (
        '<svg viewBox="0 0 400 36" xmlns="http://www.w3.org/2000/svg"><defs><linearGradient id="legend-heat">'
        f'{inner}</linearGradient></defs><rect width="400" height="18" fill="url(#legend-heat)"/>{words}</svg>'
    )
    what = (
        "Words are marked"
        if text
        else "Colour lies over what the network was given, denser where there is more heat, and is"
    )
    return Figure(
        svg, f"{what} in proportion to the largest heat of the same input: colours of two inputs do not compare."
    )


def _card(row: Mapping[str, Any], card: Card) -> Card:
    lines = [_name(row), place_words(row["place"])]
    if "sum" in row:
        lines.append(f"shares sum to {row['sum']:.4g}; the score differs by {row['difference']:.4g}")
    return replace(card, title=answer_words(row), lines=lines)


def answer_words(row: Mapping[str, Any]) -> str:
    """What is explained, in a few words.

    >>> answer_words({"label": "cat", "probability": 0.9, "score": 2.0})
    'cat 90.00 %'
    """
    if row["label"] is None:
        return "its vector"
    sure = f"{row['score']:.6g}" if row["probability"] is None else percent(row["probability"])
    return f"{row['label'] or 'nothing said'} {sure}"


def _name(row: Mapping[str, Any]) -> str:
    return row["path"] or "given directly"


def _neighbour(explainer: Explainer, near: Prepared, found: Mapping[str, Any]) -> Card:
    values = near.gather(np.array([found["index"]]))[0]
    title = f"like it: {found['label']}" if found["label"] else "like it"
    return example_card(explainer.spec, values, title, [found["path"], f"cosine {found['similarity']:.3f}"])
