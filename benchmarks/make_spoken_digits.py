"""Spoken digits in a hundred synthetic voices, by espeak-ng, as class folders: held out by voice.

    python benchmarks/make_spoken_digits.py [--out data/spoken-digits]

Needs `espeak-ng` (on Debian: apt-get install espeak-ng). A voice is an English accent with one of its variants, a
timbre; each says each digit at three speeds. All that a voice says is in one split.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-029")
SPEEDS = (130, 175, 230)
# Of every ten voices: seven to learn from, one to validate, two to test.
SPLITS = ("train", "train", "train", "test", "train", "val", "train", "train", "test", "train")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("data/spoken-digits"))
    options = parser.parse_args()
    if shutil.which("espeak-ng") is None:
        sys.exit("espeak-ng is not installed: apt-get install espeak-ng")
    for number, variant in enumerate(variants()):
        voice = f"{ACCENTS[number % len(ACCENTS)]}+{variant}"
        for digit, word in enumerate(WORDS):
            for speed in SPEEDS:
                folder = options.out / SPLITS[number % len(SPLITS)] / str(digit)
                folder.mkdir(parents=True, exist_ok=True)
                file = folder / f"{voice}-{speed}.wav"
                subprocess.run(["espeak-ng", "-v", voice, "-s", str(speed), "-w", str(file), word], check=True)
    counts = {split: len(list((options.out / split).rglob("*.wav"))) for split in ("train", "val", "test")}
    print(f"{options.out}: {counts}")


def variants() -> list[str]:
    """The names of espeak-ng's timbres, in order."""
    listed = subprocess.run(["espeak-ng", "--voices=variant"], capture_output=True, text=True, check=True).stdout
    files = [line.split()[4] for line in listed.splitlines()[1:] if "!v/" in line]
    return sorted({file.partition("!v/")[2] for file in files if file.partition("!v/")[2]})


if __name__ == "__main__":
    main()
