"""Sounds: plusx beside what people would write, in the same time, on two sets that install from Debian.

    python benchmarks/sounds.py --digits data/spoken-digits [--budget 60] [--seeds 1] [--write]

Spoken digits come from make_spoken_digits.py, held out by voice. Prompts are those of Debian's
`asterisk-core-sounds-{en,es,fr}-wav`: which language is it? Each language has one speaker, so that it is also: which
speaker? A prompt, named by its file, is in one split in all languages.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mnist import UNSET
from results import setting, spread, write_section

HEADING = "Sounds: spoken digits by voice, prompts by language"
PEER = Path(__file__).parent / "peers" / "sounds_textbook.py"
LANGUAGES = ("en", "es", "fr")
# Of every ten prompts: seven to learn from, one to validate, two to test.
SPLITS = ("train",) * 7 + ("val",) + ("test",) * 2
SIDES = ("plusx", "resnet18", "SVM on MFCCs")
Row = tuple[str, str, str]


class Done(NamedTuple):
    """Of one training: right of the test split, in per cent, and seconds from the files to the model."""

    right: float
    duration_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digits", type=Path, default=Path("data/spoken-digits"))
    parser.add_argument("--prompts", type=Path, default=Path("/usr/share/asterisk/sounds"))
    parser.add_argument("--budget", type=int, default=60, metavar="SECONDS")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    sets = {
        "spoken digits, voices never heard": (list(digit_rows(options.digits)), 1.0),
        "prompts, language (and speaker)": (list(prompt_rows(options.prompts)), 3.0),
    }
    lines = [f"| right of the test split after {options.budget} s, % | {' | '.join(SIDES)} |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        for title, (rows, seconds) in sets.items():
            listing = Path(folder, "list.csv")
            write_list(rows, listing)
            found = compare(title, listing, seconds, options.budget, options.seeds)
            sizes = ", ".join(f"{sum(row[2] == split for row in rows):,} {split}" for split in ("train", "val", "test"))
            right = " | ".join(spread([one.right for one in found[side]], ".2f") for side in SIDES)
            took = " | ".join(spread([one.duration_s for one in found[side]]) for side in SIDES)
            lines += [f"| {title}: {sizes} | {right} |", f"| its time, from files to model, s | {took} |"]
    about = (
        f"Medians (lowest to highest) of {options.seeds} seeds. Prompts: one speaker a language, so languages are "
        "speakers, too. resnet18: torchvision's, on log-mel pictures, Adam 1e-3, batches of 64, until the time is up. "
        "SVM: scikit-learn's on means and deviations of 13 MFCCs; it takes no longer."
    )
    body = "\n".join([*lines, "", about, "", f"{setting()}, {os.environ.get('OMP_NUM_THREADS', 'all')} threads."])
    print(f"\n{body}")
    if options.write:
        command = f"python benchmarks/sounds.py --budget {options.budget} --seeds {options.seeds} --write"
        write_section(HEADING, f"{body}\n\n`{command}`")


def digit_rows(root: Path) -> Iterator[Row]:
    """(path, label, split) of each spoken digit."""
    for file in sorted(root.glob("*/*/*.wav")):
        yield str(file.absolute()), file.parent.name, file.parent.parent.name


def prompt_rows(root: Path) -> Iterator[Row]:
    """The same of each prompt that is not in two languages, as tones and silence are."""
    files = {file: language for language in LANGUAGES for file in sorted((root / language).rglob("*.wav"))}
    heard: dict[str, set[str]] = {}
    for file, language in files.items():
        heard.setdefault(digest(file.read_bytes()), set()).add(language)
    for file, language in files.items():
        name = str(file.relative_to(root / language))
        if len(heard[digest(file.read_bytes())]) == 1 and not name.startswith("silence"):
            yield str(file), language, SPLITS[int(digest(name.encode()), 16) % len(SPLITS)]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write_list(rows: Sequence[Row], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "split"))
        writer.writerows(rows)


def compare(title: str, listing: Path, seconds: float, budget_s: int, seeds: int) -> dict[str, list[Done]]:
    found: dict[str, list[Done]] = {side: [] for side in SIDES}
    for seed in range(seeds):
        for side in SIDES:
            done = train_plusx(listing, seed, budget_s) if side == "plusx" else None
            done = done or train_peer(listing, seconds, seed, budget_s, svm=side != "resnet18")
            found[side].append(done)
            print(f"{title:<36} {side:<14} seed {seed}  {done.right:.2f} % right  {done.duration_s:.1f} s", flush=True)
    return found


def train_plusx(listing: Path, seed: int, budget_s: int) -> Done:
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "plusx", "train", str(listing), "--seed", str(seed), "--budget", f"{budget_s}s", "--json"]
        answer = run([*command, "--out", f"{folder}/run"], {"PLUSX_CACHE": f"{folder}/cache"})
    return Done(100 * answer["test"]["accuracy"], answer["duration_s"])


def train_peer(listing: Path, seconds: float, seed: int, budget_s: int, *, svm: bool) -> Done:
    command = [str(PEER), str(listing), "--seconds", str(seconds), "--budget", str(budget_s), "--seed", str(seed)]
    answer = run(command + (["--svm"] if svm else []), {})
    return Done(100 * answer["accuracy"], answer["duration_s"])


def run(arguments: Sequence[str], environment: dict[str, str], python: str = sys.executable) -> dict:
    kept = {name: value for name, value in os.environ.items() if name not in UNSET or name == "OMP_NUM_THREADS"}
    command = [python, *arguments]
    done = subprocess.run(command, env=kept | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
