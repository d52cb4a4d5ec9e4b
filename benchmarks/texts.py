"""Short texts: plusx beside TF-IDF with logistic regression, and fastText, on languages and on topics of one language.

    python benchmarks/fortunes.py --out data/fortunes
    python benchmarks/texts.py languages|topics [--fortunes data/fortunes] [--budget 3m] [--seeds 1] [--write]

All read the same list with its splits; plusx by its automatic recipe, the others with settings chosen by the val split.
The run of plusx stays beside its list, such as `run-languages-0`; one that is there is taken as it is.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import plusx
from mnist import UNSET
from results import setting, spread, write_section

PEER = Path(__file__).parent / "peers" / "texts_usual.py"
SETS = {"languages": "Texts: languages, 100 bytes", "topics": "Texts: topics of English fortunes"}
PEERS = {
    "TF-IDF of words, logistic regression": "words",
    "TF-IDF of 1 to 4 characters, the same": "characters",
    "fastText": "fasttext",
}


class Done(NamedTuple):
    """Of one training: right of the val and the test split, in per cent, its seconds, and what it was."""

    val: float
    test: float
    duration_s: float | None
    what: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--fortunes", type=Path, default=Path("data/fortunes"))
    parser.add_argument("--budget", help="of plusx; by default what its recipe says")
    parser.add_argument("--seeds", type=int, default=1, help="of plusx: 0, 1, 2, ...")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    listing = options.fortunes / f"{options.set}.csv"
    more = ("--budget", options.budget) if options.budget else ()
    lines = [
        f"| {sizes(listing)} | right of the test split, % | of the val split, % | from texts to model, s | what |",
        "|---|---|---|---|---|",
    ]
    ours = [train_plusx(listing, seed, more) for seed in range(options.seeds)]
    lines.append(line(f"`{' '.join(('plusx train', listing.name, *more))}`", ours))
    lines += [line(peer, [train_peer(listing, method)]) for peer, method in PEERS.items()]
    about = (
        f"`plusx train` with its own recipe, seeds: {options.seeds}. The others: settings by the val split out of two "
        "or four, and the time of the chosen one alone, without the search; fastText with one thread."
    )
    body = "\n".join([*lines, "", about, "", f"{setting()}, {os.environ.get('OMP_NUM_THREADS', 'all')} threads."])
    print(f"\n{body}")
    if options.write:
        command = " ".join(["python benchmarks/texts.py", options.set, *more, f"--seeds {options.seeds} --write"])
        write_section(SETS[options.set], f"{body}\n\n`{command}`")


def sizes(listing: Path) -> str:
    with listing.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    splits = Counter(row["split"] for row in rows)
    parts = ", ".join(f"{splits[split]:,} {split}" for split in ("train", "val", "test"))
    return f"{len({row['label'] for row in rows})} classes; {parts}"


def line(title: str, done: list[Done]) -> str:
    def figures(values: list[float], form: str) -> str:
        return spread(values, form) if len(values) > 1 else f"{median(values):{form}}"

    test, val = figures([one.test for one in done], ".2f"), figures([one.val for one in done], ".2f")
    times = [one.duration_s for one in done if one.duration_s is not None]
    took = figures(times, ".1f") if times else "not measured: the run was there"
    row = f"| {title} | {test} | {val} | {took} | {done[0].what} |"
    print(row, flush=True)
    return row


def train_plusx(listing: Path, seed: int, more: Sequence[str]) -> Done:
    out = listing.with_name(f"run-{listing.stem}-{seed}")
    duration_s = None
    if not (out / "model.plusx").exists():
        with tempfile.TemporaryDirectory() as cache:
            command = ["-m", "plusx", "train", str(listing), *more, "--seed", str(seed), "--json", "--out", str(out)]
            duration_s = run(command, {"PLUSX_CACHE": cache})["duration_s"]
    model = plusx.load(out)
    val, test = (100 * model.evaluate(listing, split=split)["accuracy"] for split in ("val", "test"))
    recipe = json.loads((out / "recipe.json").read_text())
    what = f"{recipe['model']}, {recipe['preprocessing']['length']} bytes, {recipe['epochs']:.3g} epochs"
    return Done(val, test, duration_s, what)


def train_peer(listing: Path, method: str) -> Done:
    answer = run([str(PEER), str(listing), "--method", method], {})
    what = ", ".join(f"{name} {value}" for name, value in answer["setting"].items())
    return Done(100 * answer["val"], 100 * answer["accuracy"], answer["duration_s"], what)


def run(arguments: Sequence[str], environment: dict[str, str]) -> dict:
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, env=kept | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
