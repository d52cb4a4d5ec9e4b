"""Makes lists of short real texts from Debian's fortune packages: data/fortunes/languages.csv and topics.csv.

    apt-get install fortunes fortunes-{bg,br,cs,de,eo,es,ga,it,pl,ru,zh}
    python benchmarks/fortunes.py [--out data/fortunes]

A fortune is in one split, chosen by a hash of its words: 70 % train, 10 % val, 20 % test. No two texts, in all splits
together, are equal but for case, space and punctuation. `languages.csv` holds the first 100 bytes of at most 3,000
fortunes a language, by their package; a text that two languages have is in neither. `topics.csv` holds whole fortunes
of the packages `fortunes` and `fortunes-min`, by their file, where a file has at least 150.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/usr/share/games/fortunes")
FOLDERS = {
    "Bulgarian": "bg",
    "Czech": "cs",
    "Esperanto": "eo",
    "German": "de",
    "Irish": "ga",
    "Italian": "it",
    "Polish": "pl",
    "Russian": "ru",
    "Spanish": "es",
}
# These packages put their files beside the English ones.
LOOSE = {"Chinese": ("chinese", "song100", "tang300"), "Portuguese": ("brasil",)}
# Pictures made of letters, another language, and hints to translators.
NO_LANGUAGE = {"ascii-art", "asciiart", "banner", "klasik-sk", "translate-me", "translations", "brasil"}
BYTES, MOST, FEWEST = 100, 3_000, 150
COLOURS = re.compile(r"\x1b\[[0-9;]*m|.\x08")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("data/fortunes"))
    out = parser.parse_args().out
    if not ROOT.is_dir():
        sys.exit(f"{ROOT}: no such folder; install the packages: see --help")
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in (("languages", languages()), ("topics", topics())):
        path = out / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow(("text", "label", "split"))
            lines.writerows(rows)
        print(f"{path}: {len(rows):,} texts")
        for label, count in sorted(Counter(label for _, label, _ in rows).items()):
            print(f"  {label:<14} {count:>6,}")


def languages() -> list[tuple[str, str, str]]:
    """(text, language, split): heads of fortunes."""
    files = {language: sorted((ROOT / folder).rglob("*")) for language, folder in FOLDERS.items()}
    files |= {language: [ROOT / name for name in names] for language, names in LOOSE.items()}
    files["English"] = english()
    found: dict[str, list[str]] = {}
    for language, paths in files.items():
        own = [path for path in paths if path.name not in NO_LANGUAGE or language in LOOSE]
        found[language] = [head(text) for path in own for text in fortunes(path)]
    return parted(found, MOST)


def topics() -> list[tuple[str, str, str]]:
    """(text, file, split): whole English fortunes."""
    found = {path.name: list(fortunes(path)) for path in english()}
    return parted({name: texts for name, texts in found.items() if len(texts) >= FEWEST}, None)


def english() -> list[Path]:
    """The files of the package `fortunes` and `fortunes-min`, which have no folder of their own."""
    others = {name for names in LOOSE.values() for name in names} | NO_LANGUAGE
    mixed = {"debian-hints", "bofh-excuses", "mario"}
    return [path for path in sorted(ROOT.iterdir()) if path.is_file() and path.name not in others | mixed]


def fortunes(path: Path) -> Iterator[str]:
    """The texts of a file; none where it is no file of fortunes in UTF-8."""
    if not path.is_file() or path.is_symlink() or path.suffix in (".dat", ".u8"):
        return
    try:
        content = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        print(f"{path}: not UTF-8; left out", file=sys.stderr)
        return
    for text in re.split(r"^%.*\n", content, flags=re.MULTILINE):
        text = COLOURS.sub("", text).strip()
        if len(key(text)) >= 10:
            yield text


def head(text: str) -> str:
    """The first 100 bytes, no character in parts; a line's end is a space."""
    return " ".join(text.split()).encode()[:BYTES].decode(errors="ignore")


def key(text: str) -> str:
    """What two texts have in common that are the same to a reader."""
    return re.sub(r"[\W\d_]+", "", text.casefold())


def parted(found: dict[str, list[str]], most: int | None) -> list[tuple[str, str, str]]:
    """Each label's texts, no two alike, in the order of their hashes; at most so many a label."""
    labels: dict[str, set[str]] = {}
    for label, texts in found.items():
        for text in texts:
            labels.setdefault(key(text), set()).add(label)
    rows: list[tuple[str, str, str]] = []
    for label, texts in sorted(found.items()):
        own = {digest(text): text for text in texts if labels[key(text)] == {label}}
        rows += [(own[number], label, split(number)) for number in sorted(own)[:most]]
    return rows


def digest(text: str) -> str:
    return hashlib.sha256(key(text).encode()).hexdigest()


def split(number: str) -> str:
    # Not the digits that the order is by, since a label's first texts are taken.
    place = int(number[-8:], 16) / 16**8
    return "test" if place < 0.2 else "val" if place < 0.3 else "train"


if __name__ == "__main__":
    main()
