"""What an audit finds: its kinds, each in the words that people get, and a list of them as CSV."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from plusx.data.files import atomic_write


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Args:
        title: several of them, as a heading.
        suggestion: what a person may do about one.
        grave: whether it makes scores untrue, so that `--strict` fails.
    """

    title: str
    suggestion: str
    grave: bool = False


KINDS: dict[str, Kind] = {
    "copy_in_two_splits": Kind("The same example in two splits", "keep it in one split", grave=True),
    "near_copy_in_two_splits": Kind("Nearly the same in two splits", "keep both in one split", grave=True),
    "copy_under_two_labels": Kind("The same example under two labels", "keep the right label", grave=True),
    "near_copy_under_two_labels": Kind("Nearly the same under two labels", "keep the right label", grave=True),
    "wrong_label": Kind("Labels that are probably wrong", "look at it; perhaps the other label"),
    "unreadable": Kind("Unreadable files", "mend it or leave it out"),
    "copy": Kind("Copies", "keep one"),
    "near_copy": Kind("Near copies", "keep one, or leave them"),
    "blank": Kind("Blank pictures", "leave it out"),
    "dark": Kind("Dark pictures", "look at it; brighten it or leave it out"),
    "overexposed": Kind("Overexposed pictures", "look at it; leave it out"),
    "blurred": Kind("Blurred pictures", "look at it; leave it out"),
    "odd_size": Kind("Pictures of an odd size or shape", "look at what was cut or scaled"),
    "silent": Kind("Silent sounds", "leave it out"),
    "clipped": Kind("Clipped sounds", "record it with less gain"),
    "short": Kind("Very short sounds", "look at what was cut"),
    "odd_length": Kind("Texts of an odd length", "look at it"),
    "constant": Kind("Examples of one constant value", "leave it out"),
    "one_class_mask": Kind("Masks of one class", "look at whether it was drawn"),
    "ignored_mask": Kind("Masks that mostly ignore", "draw more of it"),
    "no_boxes": Kind("Pictures without boxes", "look at whether they were drawn"),
    "degenerate_box": Kind("Boxes of no size", "draw it anew or remove it"),
    "few_examples": Kind("Classes with few examples", "collect more, or --balance"),
    "many_examples": Kind("Classes with very many examples", "--balance"),
    "absent_from_split": Kind("Classes that a split lacks", "part the set anew"),
}
"""Every kind, the gravest first."""
PLACES = {kind: place for place, kind in enumerate(KINDS)}


class Finding(NamedTuple):
    """One thing to look at: the columns of `findings.csv`.

    `path` is empty where it is about a class; `other` names what a copy is a copy of.
    """

    path: str
    split: str
    label: str
    finding: str
    other: str
    value: str
    suggestion: str


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """How many there are of each kind that there are, the gravest kinds first.

    >>> counts([Finding("a.png", "train", "cat", "blank", "", "0", "leave it out")])
    {'blank': 1}
    """
    found = Counter(one.finding for one in findings)
    return {kind: found[kind] for kind in KINDS if found[kind]}


def place_of(finding: Finding) -> tuple[int, Finding]:
    """What sorts findings: the gravest kinds first, and each kind by path."""
    return PLACES[finding.finding], finding


def write_findings(findings: Sequence[Finding], path: Path) -> None:
    """A CSV, written whole or not at all."""
    with atomic_write(path) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(Finding._fields)
        rows.writerows(findings)
