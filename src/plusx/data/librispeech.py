"""LibriSpeech (Panayotov et al., ICASSP 2015), as it is unpacked from openslr.org/12: a thousand hours of read English.

`LibriSpeech/train-clean-100/19/198/19-198-0001.flac`, and beside it `19-198.trans.txt`, which has a line for each:
`19-198-0001 NORTHANGER ABBEY`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from plusx.data.sources import DataSet
from plusx.data.transcripts import Said, transcribed
from plusx.errors import WrongUse

SITE = "https://www.openslr.org/12"


def read_librispeech(root: Path) -> DataSet:
    """All of `train-*`; of `dev-*` and `test-*` the clean part for validation and test, or the other where it is alone.

    `root` is the folder `LibriSpeech` or what holds it.

    Raises:
        WrongUse: no such parts are there, or a transcript has no sound.
    """
    root = root / "LibriSpeech" if (root / "LibriSpeech").is_dir() else root
    parts = sorted(path for path in root.iterdir() if path.is_dir())
    train = [path for path in parts if path.name.startswith("train-")]
    chosen, notes = [("train", path) for path in train], []
    for split, start in (("val", "dev-"), ("test", "test-")):
        first, *others = [path for path in parts if path.name.startswith(start)] or [None]
        if first is not None:
            chosen.append((split, first))
            notes += [f"{other}: left out; {first.name} is the {split} split" for other in others]
    said = [one for split, part in chosen for one in _part(split, part)]
    if not said:
        raise WrongUse(f"--data-dir {root}: no train-clean-100/ or the like with transcripts in it (from {SITE})")
    return transcribed(said, "librispeech", notes)


def _part(split: str, folder: Path) -> Iterator[Said]:
    for listing in sorted(folder.glob("*/*/*.trans.txt")):
        try:
            lines = listing.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            raise WrongUse(f"{listing}: no text in UTF-8; unpack it again (from {SITE})") from None
        for number, line in enumerate(lines, 1):
            where = f"{listing}: line {number}"
            name, _, text = line.partition(" ")
            sound = listing.parent / f"{name}.flac"
            if not name or not sound.is_file():
                raise WrongUse(f"{where}: there is no {sound.name}; unpack it again (from {SITE})")
            yield Said(where, split, str(sound.resolve()), text)
