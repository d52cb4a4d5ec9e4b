"""`plusx train mnist --budget`: does it end on time, and does more time give a better network?

python benchmarks/budget.py [--budgets 30s 2m] [--seeds 3] [--write]

Every training begins with an empty cache. The test split is read once a seed, and nothing is chosen by it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from mnist import Round, report, run
from plusx.training.budget import seconds_of
from results import setting, spread, write_section

HEADING = "MNIST in a given time"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--budgets", nargs="+", default=["30s", "2m"])
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0, 1, 2, ...")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    rounds: dict[str, list[Round]] = {budget: [] for budget in options.budgets}
    for seed in range(options.seeds):
        for budget, those in rounds.items():
            those.append(train(options.data_dir, seed, budget))
            report(budget, seed, those[-1])
    lines = ["| median (lowest to highest) | from data to model, s | of the budget, % | right of the test set, % |"]
    lines.append("|---|---|---|---|")
    for budget, those in rounds.items():
        durations = [one.duration_s for one in those]
        shares = [100 * duration / seconds_of(budget) for duration in durations]
        right = spread([100 * one.accuracy for one in those], ".2f")
        lines.append(f"| `--budget {budget}` | {spread(durations)} | {spread(shares, '.0f')} | {right} |")
    body = "\n".join([*lines, "", f"{options.seeds} seeds. {setting()}."])
    print(f"\n{body}")
    if options.write:
        command = f"python benchmarks/budget.py --budgets {' '.join(options.budgets)} --seeds {options.seeds} --write"
        write_section(HEADING, f"{body}\n\n`{command}`")


def train(data_dir: Path, seed: int, budget: str) -> Round:
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "plusx", "train", "mnist", "--data-dir", str(data_dir), "--seed", str(seed), "--json"]
        return run([*command, "--budget", budget, "--out", f"{folder}/run"], {"PLUSX_CACHE": f"{folder}/cache"})


if __name__ == "__main__":
    main()
