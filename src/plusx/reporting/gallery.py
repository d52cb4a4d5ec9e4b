"""Examples beside what was answered and what is true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from plusx.page import Block, Card, Gallery, Paragraph, Section
from plusx.page.examples import example_card
from plusx.page.pictures import jpeg, png
from plusx.predict.draw import with_boxes
from plusx.predict.paint import overlay
from plusx.reporting.subject import Subject
from plusx.reporting.worst import Told, least_sure, most_wrong

SHOWN = 12
ENLARGED = 256


def gallery_sections(subject: Subject) -> list[Section]:
    """The worst mistakes, and the least sure answers of a task that names classes."""
    sections: list[Section] = []
    worst = most_wrong(subject, SHOWN)
    if worst:
        words = "Those that cost most: the surest of the wrong answers, or those furthest from the truth."
        sections.append(Section("The worst mistakes", [Paragraph(words), *_cards(subject, worst)]))
    unsure = least_sure(subject, SHOWN)
    if unsure:
        words = "Those whose likeliest class was least likely, right or wrong: what a person should look at first."
        sections.append(Section("The least sure answers", [Paragraph(words), *_cards(subject, unsure)]))
    return sections


def _cards(subject: Subject, told: Sequence[Told]) -> list[Block]:
    values = subject.prepared.gather(np.array([one.place for one in told]))
    return [Gallery([_card(subject, one, own) for one, own in zip(told, values, strict=True)])]


def _card(subject: Subject, told: Told, values: np.ndarray) -> Card:
    truth = subject.task.truth(told.target, subject.classes)
    lines = [f"truly {truth}", subject.prepared.name(told.place)]
    card = example_card(subject.spec, values, subject.task.words(told.answer) or "nothing", lines)
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
    height, width = values.shape[:2]
    by = max(1, round(ENLARGED / max(height, width)))
    large = values.repeat(by, 0).repeat(by, 1)
    size = by * np.array([width, height, width, height])
    boxes = [{**one, "box": (np.array(one["box"]) * size).tolist()} for one in told.answer["boxes"]]
    return _picture(np.array(with_boxes(large, boxes, subject.classes)))


OVERLAYS: dict[str, Callable[[Subject, Told, np.ndarray], bytes]] = {"segment": masked, "detect": boxed}
"""By task: the example's picture with its answer drawn on it, where the answer is about places."""


def _picture(pixels: np.ndarray) -> bytes:
    return png(pixels) if max(pixels.shape[:2]) <= ENLARGED else jpeg(pixels)
