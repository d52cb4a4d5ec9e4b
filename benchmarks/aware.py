"""int8 of a narrow network: after a repair as int8, after as long a repair in float, and without one.

    python benchmarks/aware.py --given runs/resnet20 --data-dir data/mnist [--write]

`--given`: a run of `plusx train mnist --model resnet20 --epochs 1`. It is narrowed and repaired in float, twice, as
`plusx shrink` would; then it is repaired once more, at a lower rate, by training that computes as int8, or not. Each
becomes int8 by the same 300 training examples, with NNCF's correction of biases and without. Teachers are left out, so
that nothing but the way of the last repair differs.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from plusx.api.model import load
from plusx.api.shrink_means import AWARE_RATE, Work, read_set
from plusx.archive import Archive
from plusx.data.cache import Prepared
from plusx.shrinking.steps import Narrow, Quantize, Repair, Steps, made
from plusx.training.watch import Silent
from results import setting, spread, write_section

HEADING = "Shrinking: int8 after a repair as int8"
EXAMPLES = 1024
REPAIRS = ("none", "in float", "as int8")
FORMS: Mapping[str, Steps] = {
    "float": (),
    "int8": (Quantize(),),
    "int8, own biases": (Quantize(corrected=False),),
}
Scores = Mapping[tuple[str, str], float]
"""Accuracy in per cent, by split and form."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--given", type=Path, required=True, help="the run of the network that is narrowed")
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="where MNIST is")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.125, 0.25], help="of each narrowing")
    parser.add_argument("--epochs", type=float, default=0.5, help="of each repair in float that follows a narrowing")
    parser.add_argument("--last", type=float, default=0.5, help="epochs of the repair that is compared")
    parser.add_argument("--rate", type=float, default=AWARE_RATE, help="of that one, a share of the fine-tuning's")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        archive = load(options.given).archive
        choices = {"data": "mnist", "data_dir": str(options.data_dir), "cache": True}
        own = read_set(archive, options.given, choices, EXAMPLES, Silent())
        work = Work(archive, own, Path(folder), Silent())
        splits = {"val": own.prepared["val"], **work.test_split()}
        rows = [compared(work, splits, options, seed) for seed in range(1, options.seeds + 1)]
    body = f"{table(rows)}\n\n{note(options)}"
    print(body)
    if options.write:
        write_section(HEADING, f"{body}\n\n`python benchmarks/aware.py --given RUN --write`")


def compared(work: Work, splits: Mapping[str, Prepared], options: argparse.Namespace, seed: int) -> dict[str, Scores]:
    """One narrow network's scores, by the repair that came last."""
    steps: Steps = ()
    for share in options.shares:
        steps = (*steps, Narrow(share=share), Repair(epochs=options.epochs, taught=False, seed=seed))
    narrow = made(work.archive, steps, work.means)
    last = Repair(epochs=options.last, taught=False, seed=seed, rate=options.rate)
    repairs: dict[str, Steps] = {
        "none": (),
        "in float": (last,),
        "as int8": (last.model_copy(update={"aware": True}),),
    }
    found: dict[str, Scores] = {}
    for name in REPAIRS:
        repaired = made(narrow, repairs[name], work.means)
        found[name] = scored(work, repaired, splits)
        print(f"seed {seed}, {name}: {found[name]}", flush=True)
    return found


def scored(work: Work, archive: Archive, splits: Mapping[str, Prepared]) -> Scores:
    forms = {name: made(archive, steps, work.means) for name, steps in FORMS.items()}
    return {
        (split, name): 100 * work.scores(form, prepared)["accuracy"]
        for split, prepared in splits.items()
        for name, form in forms.items()
    }


def table(rows: Sequence[Mapping[str, Scores]]) -> str:
    columns = list(rows[0][REPAIRS[0]])
    heads = " | ".join(f"{split}, {form}" for split, form in columns)
    lines = [f"| last repair | {heads} |", "|---|" + "---|" * len(columns)]
    for name in REPAIRS:
        cells = [spread([row[name][column] for row in rows], ".2f") for column in columns]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def note(options: argparse.Namespace) -> str:
    shares = " and again to ".join(f"{100 * share:g} %" for share in options.shares)
    return (
        f"MNIST, accuracy in per cent: the median of {options.seeds} seeds, with the lowest and the highest. ResNet-20 "
        f"narrowed to {shares}, each time repaired for {options.epochs:g} epochs; the last repair takes "
        f"{options.last:g} more, with {options.rate:g} of the rate. Own biases: without NNCF's correction of them. "
        f"{setting()}."
    )


if __name__ == "__main__":
    main()
