"""A model's card: stored, read back, absent in older files, and never a way to write on somebody's terminal."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from plusx.archive import Archive, read_archive, write_archive
from plusx.archive.card import Card

CARD = Card(intended_use="sorting practice scans", limits="no diagnosis", contact="the lab")


def test_it_comes_back(model: Archive, tmp_path: Path):
    with_card = dataclasses.replace(model, manifest=model.manifest.model_copy(update={"card": CARD}))
    read = read_archive(write_archive(with_card, tmp_path / "model.plusx")).manifest
    assert read.card == CARD
    assert read.format_version == "1.2"
    assert read_archive(write_archive(model, tmp_path / "model.plusx")).manifest.card is None


def test_files_of_the_first_format_are_read(members: dict[str, bytes], forge: Callable[..., Path]):
    manifest = json.loads(members["manifest.json"])
    del manifest["card"]
    members["manifest.json"] = json.dumps(manifest).encode()
    read = read_archive(forge(members, {"format_version": "1.0"})).manifest
    assert (read.format_version, read.card) == ("1.0", None)


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ({"intended_use": "x"}, "wrong at card.limits"),
        ({"intended_use": "x", "limits": "a\nb"}, "wrong at card.limits"),
        ({"intended_use": "\x1b[31mred", "limits": "y"}, "wrong at card.intended_use"),
        ({"intended_use": "x", "limits": "y" * 1001}, "wrong at card.limits"),
        ({"intended_use": "x", "limits": "y", "more": "z"}, "wrong at card.more"),
        ("x", "wrong at card"),
    ],
)
def test_a_card_that_is_none_is_refused(
    members: dict[str, bytes], forge: Callable[..., Path], assert_refused: Callable[..., None], card, words: str
):
    assert_refused(forge(members, {"card": card}), words)


def test_empty_texts_are_no_card():
    with pytest.raises(ValidationError, match="intended_use"):
        Card(intended_use="  ", limits="x")
    assert str(CARD) == "intended use: sorting practice scans; limits: no diagnosis; contact: the lab"
