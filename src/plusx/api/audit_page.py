"""The page of an audit: what was found, in words, side by side, and in tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from plusx.api.plan import Plan
from plusx.api.resolve import resolve
from plusx.data.audit.balance import COUNTED
from plusx.data.audit.examine import Examined, Found
from plusx.data.audit.findings import KINDS
from plusx.data.audit.pictures import read_picture
from plusx.data.decode import BadSample
from plusx.data.image import ImageSpec
from plusx.data.modalities import MODALITIES, Spec
from plusx.data.samples import DataSet, Samples
from plusx.data.sources import SPLITS
from plusx.errors import PlusxError
from plusx.page import Block, Card, Gallery, Note, Page, Section, Table
from plusx.page.examples import example_card

SHOWN = 24
LISTED = 200
GAP = 4


def audit_page(examined: Examined, dataset: DataSet, notes: Sequence[str]) -> Page:
    """The page; galleries show the worst of each kind, tables the first few hundred, `findings.csv` has all."""
    by_kind: dict[str, list[Found]] = defaultdict(list)
    for one in examined.found:
        by_kind[one.finding.finding].append(one)
    many = MODALITIES[examined.whole.modality].many
    there = [f"{len(part):,} {split}" for split in SPLITS if (part := getattr(dataset, split)) is not None]
    lede = f"{len(examined.whole):,} {many} ({', '.join(there)}), {len(examined.found):,} findings"
    sections = [
        Section("Verdict", [*_verdict(by_kind, many), *(Note(note, "plain") for note in notes), _kinds(by_kind)])
    ]
    spec = _spec(examined.whole)
    sections += [_section(kind, by_kind[kind], examined.whole, spec) for kind in KINDS if kind in by_kind]
    if examined.whole.task in COUNTED:
        sections.append(Section("Classes", [_classes(dataset)]))
    return Page(f"Audit of {dataset.origin}", lede, sections)


def _spec(whole: Samples) -> Spec | None:
    """By which examples are shown; None where they are not."""
    if whole.modality == "image":
        return ImageSpec(height=1, width=1, channels=1)
    with suppress(PlusxError):
        return resolve(Plan(""), whole).preprocessing
    return None


def _verdict(by_kind: dict[str, list[Found]], many: str) -> list[Block]:
    found = {kind: len(those) for kind, those in by_kind.items()}
    blocks: list[Block] = []
    if leaks := sum(count for kind, count in found.items() if kind.endswith("in_two_splits")):
        blocks.append(Note(f"{leaks:,} {many} are (nearly) in two splits: scores on them say too much.", "bad"))
    if conflicts := sum(count for kind, count in found.items() if kind.endswith("under_two_labels")):
        blocks.append(Note(f"{conflicts:,} {many} are (nearly) the same as one with another label.", "bad"))
    if wrong := found.get("wrong_label", 0):
        blocks.append(Note(f"{wrong:,} labels are probably wrong.", "warn"))
    if bad := found.get("unreadable", 0):
        blocks.append(Note(f"{bad:,} {many} cannot be read; a training leaves them out.", "warn"))
    return blocks or [Note("Nothing that makes scores untrue was found.", "good")]


def _kinds(by_kind: dict[str, list[Found]]) -> Table:
    rows = [(KINDS[kind].title, len(by_kind[kind]), KINDS[kind].suggestion) for kind in KINDS if kind in by_kind]
    return Table(("what", "how many", "what to do"), rows, numeric=("how many",))


def _section(kind: str, found: list[Found], whole: Samples, spec: Spec | None) -> Section:
    blocks: list[Block] = []
    if found[0].row >= 0:
        worst = sorted(found, key=lambda one: one.order)
        cards = [card for one in islice(worst, SHOWN) for card in _cards(one, whole, spec)]
        blocks.append(Gallery(cards))
    columns = ("path", "split", "label", "other", "value", "suggestion")
    rows = [tuple(getattr(one.finding, column) for column in columns) for one in found[:LISTED]]
    listed = f"the first {LISTED} of {len(found):,}; findings.csv has all" if len(found) > LISTED else ""
    blocks.append(Table(columns, rows, caption=listed))
    return Section(f"{KINDS[kind].title}: {len(found):,}", blocks)


def _cards(one: Found, whole: Samples, spec: Spec | None) -> list[Card]:
    """One card, of pictures that are copies with both side by side; of other examples one each."""
    told = one.finding
    title = " | ".join(Path(name).name for name in (told.path, told.other) if name)
    lines = [f"{told.split} {told.label}".strip(), told.value, told.suggestion]
    places = [place for place in (one.row, one.other) if place >= 0]
    if len(places) == 2:
        lines[0] = f"{lines[0]} | {whole.label(one.other)}".strip(" |")
    values = [found for place in places if (found := _values(whole, place, spec)) is not None]
    if spec is None or not values:
        return [Card(title, lines=tuple(lines))]
    if whole.modality == "image":
        values = [_beside(values)]
    first, *rest = (example_card(spec, each, "", ()) for each in values)
    return [replace(first, title=title, lines=tuple(lines)), *(replace(card, title="the other") for card in rest)]


def _values(whole: Samples, place: int, spec: Spec | None) -> np.ndarray | None:
    """The example as it is looked at; None where it cannot be read."""
    with suppress(BadSample):
        source: Any = whole.source.read(place)
        if whole.modality == "image":
            return read_picture(source)[0]
        return None if spec is None else spec.prepare(source)
    return None


def _beside(pictures: list[np.ndarray]) -> np.ndarray:
    """Pictures of any sizes in one, a gap between them."""
    height, channels = max(one.shape[0] for one in pictures), max(one.shape[2] for one in pictures)
    gap = np.full((height, GAP, channels), 128, np.uint8)
    pieces: list[np.ndarray] = []
    for one in pictures:
        colour = np.repeat(one, channels, axis=2) if one.shape[2] < channels else one
        pieces += [np.pad(colour, ((0, height - len(one)), (0, 0), (0, 0)), constant_values=128), gap]
    return np.concatenate(pieces[:-1], axis=1)


def _classes(dataset: DataSet) -> Table:
    parts = {split: part.counts() for split in SPLITS if (part := getattr(dataset, split)) is not None}
    rows = [(name, *(int(own[place]) for own in parts.values())) for place, name in enumerate(dataset.classes)]
    return Table(("class", *parts), rows, numeric=tuple(parts))
