"""Speech recognised by plusx: words of a small vocabulary, by synthetic voices never heard and by one person.

    apt-get install espeak-ng asterisk-core-sounds-en-wav
    python benchmarks/speech.py [--spoken data/spoken] [--budget 600] [--write]

Trains on spoken.py's sounds (a run that is there is taken as it is), and reads the test split, whose voices are in no
other, and the recordings of a person, of whom nothing is in the training. Beside the likeliest path: a beam of 16 with
a language model of the training texts (ngrams.py). The peer: an LSTM with CTC, as the textbooks have it, in the same
time.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jiwer

import plusx
from mnist import UNSET
from ngrams import training_texts, write_arpa
from results import setting, write_section
from spoken import make, people

HEADING = "Speech: digits, days and short commands"
PEER = Path(__file__).parent / "peers" / "speech_lstm.py"
ORDER, BEAM = 3, 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spoken", type=Path, default=Path("data/spoken"))
    parser.add_argument("--person", type=Path, default=Path("/usr/share/asterisk/sounds/en"))
    parser.add_argument("--budget", type=int, default=600, metavar="SECONDS")
    parser.add_argument("--peer", action="store_true", help="train the peer, too, in as many seconds")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    listing = make(options.spoken)
    words, strings = people(options.person, options.spoken / "person")
    lists = {
        "synthetic, voices never heard": listing,
        "a person: single words": words,
        "a person: strings of 2 or 3 digits": strings,
    }
    run = options.spoken / "run"
    if not (run / "model.plusx").exists():
        call(["-m", "plusx", "train", str(listing), "--budget", f"{options.budget}s", "--json", "--out", str(run)])
    lm = options.spoken / "texts.arpa"
    write_arpa(training_texts(listing), lm, ORDER)
    ways = {
        "plusx, likeliest path": {title: plusx_reads(run, path) for title, path in lists.items()},
        f"plusx, beam of {BEAM}": {title: plusx_reads(run, path, beam=BEAM) for title, path in lists.items()},
        f"plusx, beam and {ORDER}-grams": {
            title: plusx_reads(run, path, beam=BEAM, lm=lm) for title, path in lists.items()
        },
    }
    about = f"`plusx train list.csv --budget {options.budget}s`: {trained(run)}."
    if options.peer:
        answer = call([str(PEER), *map(str, lists.values()), "--budget", str(options.budget)])
        ways["LSTM, likeliest path"] = dict(zip(lists, answer["read"], strict=True))
        about += f" LSTM: {answer['parameters']:,} weights, {answer['epochs']:.1f} epochs in {options.budget} s."
    body = "\n".join([*table(lists, ways), "", about, "", f"{setting()}, {os.environ['OMP_NUM_THREADS']} threads."])
    print(f"\n{body}")
    if options.write:
        peer = " --peer" if options.peer else ""
        write_section(HEADING, f"{body}\n\n`python benchmarks/speech.py --budget {options.budget}{peer} --write`")


def test_rows(listing: Path) -> list[tuple[Path, str]]:
    """Each sound of the test split, and what is said in it."""
    with listing.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    return [(listing.parent / row["path"], row["text"]) for row in rows]


def plusx_reads(run: Path, listing: Path, **how: Any) -> list[str]:
    """What is read of each sound; nothing, where it is refused."""
    answers = plusx.load(run).predict([path for path, _ in test_rows(listing)], **how)
    for answer in answers:
        if answer["error"]:
            print(f"{answer['path']}: {answer['error']}", file=sys.stderr)
    return [answer["text"] or "" for answer in answers]


def table(lists: dict[str, Path], ways: dict[str, dict[str, list[str]]]) -> list[str]:
    """WER and CER in per cent, a row a set."""
    lines = [f"| word errors / character errors, % | {' | '.join(ways)} |", f"|---|{'---|' * len(ways)}"]
    for title, listing in lists.items():
        said = [text for _, text in test_rows(listing)]
        cells = [
            f"{100 * jiwer.wer(said, way[title]):.2f} / {100 * jiwer.cer(said, way[title]):.2f}"
            for way in ways.values()
        ]
        count = f"{len(said):,} sounds, {sum(len(text.split()) for text in said):,} words"
        lines.append(f"| {title} ({count}) | {' | '.join(cells)} |")
    return lines


def trained(run: Path) -> str:
    """What was trained, in a few words."""
    recipe = json.loads((run / "recipe.json").read_text())
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    val = plusx.load(run).evaluate(run.parent / "list.csv", split="val")
    parameters = sum(weight.size for weight in plusx.load(run).archive.weights.values())
    return (
        f"{recipe['model']}, {parameters:,} weights, {recipe['epochs']:.3g} epochs in {last['elapsed_s']:.0f} s; "
        f"val split (other texts, voices that were heard): {100 * val['wer']:.2f} % of words wrong"
    )


def call(arguments: Sequence[str]) -> dict[str, Any]:
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, env=kept, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
