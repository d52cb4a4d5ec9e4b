"""Time and accuracy on the embedded digits: `plusx train digits`, a process a seed, into an empty cache.

python benchmarks/digits.py [--seeds 5] [--write]
"""

from __future__ import annotations

import argparse
import tempfile

from mnist import Round, report, run
from results import setting, spread, write_section

HEADING = "The embedded digits"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0, 1, 2, ...")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    rounds: list[Round] = []
    for seed in range(options.seeds):
        rounds.append(train(seed))
        report("plusx", seed, rounds[-1])
    rows = {
        "from data to model, s": spread([one.duration_s for one in rounds]),
        "whole process, s": spread([one.process_s for one in rounds]),
        "right of the test set (the fixed fifth), %": spread([100 * one.accuracy for one in rounds], ".2f"),
        "rounds": str(len(rounds)),
    }
    table = ["| median (lowest to highest) | `plusx train digits` |", "|---|---|"]
    body = "\n".join([*table, *(f"| {title} | {value} |" for title, value in rows.items()), "", f"{setting()}."])
    print(f"\n{body}")
    if options.write:
        write_section(HEADING, f"{body}\n\n`python benchmarks/digits.py --seeds {options.seeds} --write`")


def train(seed: int) -> Round:
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "plusx", "train", "digits", "--seed", str(seed), "--json", "--out", f"{folder}/run"]
        return run(command, {"PLUSX_CACHE": f"{folder}/cache"})


if __name__ == "__main__":
    main()
