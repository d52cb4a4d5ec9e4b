"""Sounds with what is said in them: lists of files with transcripts, and LibriSpeech."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from plusx.data.assemble import Row, in_order, split_named
from plusx.data.rows import Table
from plusx.data.sources import SPLITS, DataSet, FileSource, Samples
from plusx.errors import WrongUse

CHARACTERS = 1000
"""An alphabet of more is no alphabet."""


class Said(NamedTuple):
    """One example: where it is listed, its split, its file, and what is said."""

    where: str
    split: str
    path: str
    text: str


def transcribed_files(path: Path, table: Table, multilabel: bool, modality: str) -> DataSet:
    """Sounds with their transcripts: `path,text[,split]`.

    Raises:
        WrongUse: a row has no path, no text, or a character that no training transcript has.
    """
    if modality not in ("auto", "sound"):
        raise WrongUse(f"{path}: transcripts are of sounds; leave --modality {modality} out")
    base = os.path.abspath(path.parent)
    said: list[Said] = []
    for place, values in table.rows:
        where = f"{path}: {place}"
        if not values["path"].strip():
            raise WrongUse(f"{where}: no path; fill it in or remove it")
        full = os.path.normpath(os.path.join(base, values["path"]))
        said.append(Said(where, split_named(values.get("split", "train"), where), full, values["text"]))
    if not said:
        raise WrongUse(f"{path}: the file lists no examples")
    if not any(os.path.exists(one.path) for one in said):
        raise WrongUse(f"{path}: none of its files exists, for example {said[0].path}; mend its paths")
    return transcribed(said, str(path))


def transcribed(said: Sequence[Said], origin: str, notes: Sequence[str] = ()) -> DataSet:
    """Examples in their canonical order. The alphabet is that of the training transcripts; the classes are its
    characters, in order.

    Raises:
        WrongUse: a transcript is empty, or has a character that no training transcript has.
    """
    texts = {one: plain(one.text) for one in said}
    for one, text in texts.items():
        if not text:
            raise WrongUse(f"{one.where}: no text; fill it in or remove it")
    learnt = [text for one, text in texts.items() if one.split == "train"] or list(texts.values())
    alphabet = tuple(sorted({character for text in learnt for character in text}))
    if len(alphabet) > CHARACTERS:
        raise WrongUse(f"{origin}: {len(alphabet)} different characters; transcripts must be in an alphabet")
    for one, text in texts.items():
        if unknown := sorted(set(text) - set(alphabet)):
            raise WrongUse(f"{one.where}: {unknown[0]!r} is in no training transcript; mend the text or leave it out")
    samples = {split: _samples(texts, split, alphabet) for split in SPLITS}
    shown = "".join(alphabet).replace(" ", "␣")
    note = f"{origin}: transcripts in lower case, {len(alphabet)} characters: {shown}"
    return DataSet(**samples, classes=alphabet, origin=origin, notes=(*notes, note))


def plain(text: str) -> str:
    """A transcript as it is learnt: in lower case, composed (Unicode's NFC), one space between words.

    >>> plain("  HELLO   there ")
    'hello there'
    """
    return " ".join(unicodedata.normalize("NFC", text.lower()).split())


def _samples(texts: dict[Said, str], split: str, alphabet: tuple[str, ...]) -> Samples | None:
    rows = in_order([Row(split, one.path, (text,)) for one, text in texts.items() if one.split == split])
    if not rows:
        return None
    place = {character: index for index, character in enumerate(alphabet)}
    targets = np.full((len(rows), max(len(row.labels[0]) for row in rows)), -1, np.int16)
    for own, row in zip(targets, rows, strict=True):
        own[: len(row.labels[0])] = [place[character] for character in row.labels[0]]
    return Samples(FileSource(row.path for row in rows), targets, alphabet, modality="sound", task="transcribe")
