"""Examples beside what was answered and what is true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from plusx.page import Block, Card, Gallery, Paragraph, Section
from plusx.page.examples import example_card
from plusx.page.pictures import jpeg, png
from plusx.predict.draw import with_boxes
from plusx.predict.paint import overlay
from plusx.reporting.subject import Subject
from plusx.reporting.worst import Told, least_sure, most_wrong

SHOWN = 12
HEATED = ("classify", "multilabel")
"""Tasks whose answers are about the whole of an example: what of it mattered is shown with it."""
HEAT = " Beneath each, or over it, is what mattered for the answer (Grad-CAM), from dark, nothing, to yellow, most."
SEEN = {"segment": " From left to right: the picture, the true mask over it, the answered one."}
ENLARGED = 256


def gallery_sections(subject: Subject) -> list[Section]:
    """The worst mistakes, and the least sure answers of a task that names classes."""
    sections: list[Section] = []
    worst = most_wrong(subject, SHOWN)
    if worst:
        words = "Those that cost most: the surest of the wrong answers, or those furthest from the truth."
        sections.append(Section("The worst mistakes", [Paragraph(words + _said(subject)), *_cards(subject, worst)]))
    unsure = least_sure(subject, SHOWN)
    if unsure:
        words = "Those whose likeliest class was least likely, right or wrong: what a person should look at first."
        sections.append(Section("The least sure answers", [Paragraph(words), *_cards(subject, unsure)]))
    return sections


def _cards(subject: Subject, told: Sequence[Told]) -> list[Block]:
    values = subject.prepared.gather(np.array([one.place for one in told]))
    looks = heated(subject, told) if _is_heated(subject) else [None] * len(told)
    return [Gallery([_card(subject, *one) for one in zip(told, values, looks, strict=True)])]


def _said(subject: Subject) -> str:
    """What is to be seen beside the examples themselves."""
    if _is_heated(subject):
        return HEAT
    return SEEN.get(subject.task.name, "")


def _is_heated(subject: Subject) -> bool:
    # Without weights there are no gradients.
    return subject.task.name in HEATED and subject.archive.manifest.precision == "float32"


def heated(subject: Subject, told: Sequence[Told]) -> list[Card | None]:
    """Each example with what mattered for its answer over it; None where that cannot be said."""
    # Here: it needs torch, which whoever only reads a page's other parts does not.
    from plusx.understand.draw import draw
    from plusx.understand.explained import Explainer

    explainer = Explainer(subject.archive)
    samples = subject.prepared.samples
    seen = [explainer.origin.prepare(samples.source.read(int(subject.prepared.kept[one.place]))) for one in told]
    found = explainer([(None, one) for one in seen])
    return [None if one.heat is None else draw(explainer, one).card for one in found]


def _card(subject: Subject, told: Told, values: np.ndarray, look: Card | None) -> Card:
    truth = subject.task.truth(told.target, subject.classes)
    lines = [f"truly {truth}", short_name(subject.prepared.name(told.place), subject.data)]
    answer = in_pixels(told.answer, values) if "boxes" in told.answer else told.answer
    card = replace(
        look or example_card(subject.spec, values, ""), title=subject.task.words(answer) or "nothing", lines=lines
    )
    over = OVERLAYS.get(subject.task.name)
    return card if over is None else replace(card, image=over(subject, told, values))


def masked(subject: Subject, told: Told, values: np.ndarray) -> bytes:
    """The picture, the true mask over it, and the answered one."""
    outputs = subject.engine(np.moveaxis(values[None], -1, 1))
    shown = [overlay(values, mask) for mask in (told.target.astype(np.uint8), outputs[0].argmax(0).astype(np.uint8))]
    plain = np.repeat(values, 3, axis=2) if values.shape[2] == 1 else values
    return _picture(np.concatenate([plain, *shown], axis=1))


def boxed(subject: Subject, told: Told, values: np.ndarray) -> bytes:
    """The picture with the boxes that were answered, enlarged so that their labels can be read."""
    by = max(1, round(ENLARGED / max(values.shape[:2])))
    large = values.repeat(by, 0).repeat(by, 1)
    return _picture(np.array(with_boxes(large, in_pixels(told.answer, large)["boxes"], subject.classes)))


def in_pixels(answer: dict[str, Any], values: np.ndarray) -> dict[str, Any]:
    """An answer whose boxes are in shares of the sides, with boxes in the pixels of `values`."""
    height, width = values.shape[:2]
    size = np.array([width, height, width, height])
    return {**answer, "boxes": [{**one, "box": (np.array(one["box"]) * size).tolist()} for one in answer["boxes"]]}


def short_name(name: str, data: str) -> str:
    """An example's name without the folder of its set.

    >>> short_name("/data/pets/cat/1.png", "/data/pets"), short_name("mnist/test/3", "mnist")
    ('cat/1.png', 'mnist/test/3')
    """
    root = Path(data).parent if Path(data).suffix else Path(data)
    return str(Path(name).relative_to(root)) if root.is_absolute() and Path(name).is_relative_to(root) else name


OVERLAYS: dict[str, Callable[[Subject, Told, np.ndarray], bytes]] = {"segment": masked, "detect": boxed}
"""By task: the example's picture with its answer drawn on it, where the answer is about places."""


def _picture(pixels: np.ndarray) -> bytes:
    return png(pixels) if max(pixels.shape[:2]) <= ENLARGED else jpeg(pixels)
