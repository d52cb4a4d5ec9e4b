"""How a model fares when its pictures are corrupted."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean

import numpy as np

from plusx.evaluate.corrupt import CORRUPTIONS, FAMILIES, SEVERITIES
from plusx.evaluate.robustness import SEED, Robustness
from plusx.page import Figure, Gallery, Paragraph, Section, Table
from plusx.page.examples import example_card
from plusx.page.figures import COLOURS, INK, drawn
from plusx.reporting.subject import Subject
from plusx.words import percent

SHOWN = 3
"""The severity at which an example is shown."""
ERRORS = ("mae", "rmse")
"""Scores that are no shares of 1."""


def robustness_section(subject: Subject) -> list[Section]:
    """The scores by corruption and severity, and what the corruptions look like; nothing where it was not asked."""
    found = subject.robustness
    if found is None:
        return []
    form, score = shown_as(found), _words(found.score)
    words = (
        f"The {score} of {found.count:,} {subject.split} {subject.many} is {form(found.clean)}, "
        f"and {form(found.mean)} on average over {len(found.corrupted)} corruptions (arXiv 1903.12261), each at "
        f"{len(SEVERITIES)} severities. The worst is {_words(found.worst)}: {form(found.means[found.worst])}."
    )
    caption = f"The {score} by severity; 0 is clean. Thin lines are corruptions, thick ones the means of their kinds."
    columns = ("corruption", *map(str, SEVERITIES), "mean")
    cell, unit = ("{:.4g}".format, "") if found.score in ERRORS else (_share, ", in per cent")
    rows = [(_words(name), *map(cell, scores), cell(fmean(scores))) for name, scores in found.corrupted.items()]
    table = Table(columns, rows, f"The {score} by severity{unit}.", numeric=columns[1:])
    blocks = [Paragraph(words), Figure(severity_svg(found), caption), table, strip(subject)]
    return [Section("When pictures are corrupted", blocks)]


def severity_svg(found: Robustness) -> str:
    """A line a corruption and one a family, from the clean score on."""
    factor = 1 if found.score in ERRORS else 100
    with drawn(5.0, 3.4) as (axes, done):
        for (family, names), colour in zip(FAMILIES.items(), COLOURS, strict=False):
            own = factor * np.array([[found.clean, *found.corrupted[name]] for name in names])
            axes.plot((0, *SEVERITIES), own.T, color=colour, linewidth=0.7, alpha=0.45)
            axes.plot((0, *SEVERITIES), own.mean(0), color=colour, linewidth=2.4, label=family)
        axes.axhline(factor * found.clean, color=INK, linewidth=0.8, alpha=0.5, linestyle="--")
        axes.set_xlabel("severity")
        axes.set_ylabel(_words(found.score) + ("" if factor == 1 else ", %"))
        axes.legend(loc="best")
        return done()


def strip(subject: Subject) -> Gallery:
    """The first example with each corruption."""
    picture = subject.prepared.gather(np.array([0]))
    cards = [example_card(subject.spec, picture[0], "clean", ["severity 0"])]
    for name, corruption in CORRUPTIONS.items():
        changed = corruption(picture, SHOWN, SEED)[0]
        cards.append(example_card(subject.spec, changed, _words(name), [f"severity {SHOWN}"]))
    return Gallery(cards)


def shown_as(found: Robustness) -> Callable[[float], str]:
    """How people write its score."""
    return "{:.4g}".format if found.score in ERRORS else percent


def _share(value: float) -> str:
    """Short, since a phone is narrow."""
    return f"{100 * value:.1f}"


def _words(name: str) -> str:
    return name.replace("_", " ")
