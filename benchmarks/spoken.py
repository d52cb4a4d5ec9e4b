"""Spoken digits and short commands, made by espeak-ng in many voices: the set that `speech.py` trains and tests on.

    apt-get install espeak-ng asterisk-core-sounds-en-wav
    python benchmarks/spoken.py --out data/spoken

Voices are espeak-ng's English accents, each with its variants (`!v`). The test split's variants are in no other split.
Every second training sound has the band of a telephone (8 kHz), as recordings of people often have.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.io import wavfile
from scipy.signal import resample_poly

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NEAR = ("today", "tomorrow", "yesterday")
COMMANDS = (
    ("turn", ("on", "off"), "the", ("light", "radio", "heater", "music")),
    (("open", "close"), "the", ("door", "window", "gate")),
    ("volume", ("up", "down")),
    ("go", ("left", "right", "back")),
    ("call", ("home", "me", "the office"), (*NEAR, "now")),
    ((*DAYS, *NEAR),),
    ("wake", "me", "at", DIGITS, (*DAYS, *NEAR)),
    (("stop", "yes", "no", "play music"),),
)
ACCENTS = ("en", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc")
HEARD = (
    *("m1", "m2", "m3", "m5", "m6", "m7", "f1", "f2", "f4", "f5", "Alex", "Andrea", "Andy", "Annie", "Denis"),
    *("Diogo", "Gene", "Henrique", "Hugo", "Lee", "Marco", "Michael", "Mike", "adam", "anika", "announcer", "antonio"),
    *("aunty", "belinda", "boris", "caleb", "david", "ed", "edward", "grandma", "gustave", "iven", "john", "klatt2"),
    *("linda", "marcelo", "max", "michel", "miguel", "norbert", "paul", "pedro", "quincy", "rob", "sandro", "shelby"),
    *("steph", "travis", "zac"),
)
NEVER_HEARD = (
    *("m4", "m8", "f3", "Alicia", "Jacky", "Mario", "Nguyen", "benjamin", "kaukovalta", "pablo", "robert", "victor"),
)
COUNTS = {"train": 3600, "val": 200, "test": 400}


class Utterance(NamedTuple):
    """One sound to make: its words, its voice and how it is spoken."""

    path: Path
    split: str
    text: str
    voice: str
    words_a_minute: int
    pitch: int
    telephone: bool


def utterances(folder: Path, seed: int = 0) -> Iterator[Utterance]:
    """All sounds of the set, by the seed alone."""
    draw = random.Random(seed)
    for split, count in COUNTS.items():
        variants = NEVER_HEARD if split == "test" else HEARD
        for number in range(count):
            yield Utterance(
                path=folder / split / f"{number:05d}.wav",
                split=split,
                text=_text(draw),
                voice=f"{draw.choice(ACCENTS)}+{draw.choice(variants)}",
                words_a_minute=draw.randint(110, 200),
                pitch=draw.randint(20, 80),
                telephone=number % 2 == 1,
            )


def _text(draw: random.Random) -> str:
    if draw.random() < 0.6:
        return " ".join(draw.choice(DIGITS) for _ in range(draw.randint(1, 5)))
    parts = draw.choice(COMMANDS)
    return " ".join(part if isinstance(part, str) else draw.choice(part) for part in parts)


def speak(one: Utterance) -> None:
    """Writes the sound as a WAV file of 16 kHz, or of 8."""
    spoken = subprocess.run(
        ["espeak-ng", "-v", one.voice, "-s", str(one.words_a_minute), "-p", str(one.pitch), "--stdout", one.text],
        capture_output=True,
        check=True,
    ).stdout
    # espeak-ng cannot go back in a pipe to write how long the sound has become.
    rate, values = wavfile.read(io.BytesIO(_with_length(spoken)))
    wanted = 8_000 if one.telephone else 16_000
    common = np.gcd(rate, wanted)
    resampled = resample_poly(values.astype(np.float64), wanted // common, rate // common)
    one.path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(one.path, wanted, np.clip(np.round(resampled), -32768, 32767).astype(np.int16))


def _with_length(wav: bytes) -> bytes:
    data = wav.index(b"data") + 4
    sizes = (len(wav) - 8).to_bytes(4, "little"), (len(wav) - data - 4).to_bytes(4, "little")
    return wav[:4] + sizes[0] + wav[8:data] + sizes[1] + wav[data + 4 :]


def make(folder: Path) -> Path:
    """Makes the set in `folder` where it is not there yet; gives its list, `path,text,split`."""
    listing = folder / "list.csv"
    if listing.exists():
        return listing
    every = list(utterances(folder))
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(speak, every):
            pass
    _list(listing, [(str(one.path.relative_to(folder)), one.text, one.split) for one in every])
    return listing


def people(sounds: Path, folder: Path, seed: int = 0) -> tuple[Path, Path]:
    """Lists of a person's recordings, from Asterisk's English sounds (`asterisk-core-sounds-en-wav`).

    Args:
        sounds: the folder that has `digits/0.wav`.
        folder: where the lists, and the strings of digits, go.
        seed: decides the strings.

    Returns:
        (single words: the digits, the days, today, tomorrow, yesterday; 60 strings of two or three digits, each digit's
        recording after the other's with 0.1 s between them).
    """
    digits = sounds / "digits"
    files = {word: digits / f"{number}.wav" for number, word in enumerate(DIGITS)}
    files |= {word: digits / f"day-{(number + 1) % 7}.wav" for number, word in enumerate(DAYS)}
    files |= {word: digits / f"{word}.wav" for word in NEAR}
    folder.mkdir(parents=True, exist_ok=True)
    _list(folder / "words.csv", [(str(path), word, "test") for word, path in files.items()])
    draw = random.Random(seed)
    rows: list[tuple[str, str, str]] = []
    for number in range(60):
        words = [draw.choice(DIGITS) for _ in range(draw.randint(2, 3))]
        recorded = [wavfile.read(files[word]) for word in words]
        rate = recorded[0][0]
        parts = [part for _, values in recorded for part in (values, np.zeros(rate // 10, np.int16))]
        wavfile.write(folder / f"string{number:02d}.wav", rate, np.concatenate(parts))
        rows.append((f"string{number:02d}.wav", " ".join(words), "test"))
    _list(folder / "strings.csv", rows)
    return folder / "words.csv", folder / "strings.csv"


def _list(path: Path, rows: list[tuple[str, str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "text", "split"))
        writer.writerows(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("data/spoken"))
    print(make(parser.parse_args().out))
