"""The race on the whole MNIST: plusx beside its peers, a process a training, interleaved.

    python benchmarks/race.py [--contestants NAME ...] [--seeds 5] [--targets 99.0 99.5 99.7] [--budgets 60 300 900]
        [--done] [--write]

Two questions: how soon is each at a test accuracy (its shortest annealed training whose median over the seeds gets
there), and how accurate is each within a time. Each training's line is added to results/race.jsonl as it ends: a race
that was stopped goes on where it was, and the tables are made of the lines. Remove a contestant's lines to measure it
anew. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median

from mnist import Round, report, run, train_plusx
from results import cpu_model, setting, spread, write_section

HEADING = "The race on MNIST"
HERE = Path(__file__).parent
PLUSX = "plusx"
# A run that is later than this share of its budget was not within it.
LATEST = 1.05


@dataclass(frozen=True)
class Contestant:
    """A script (None: plusx itself) with its options, and the epochs to try for the targets, shortest first."""

    script: str | None
    options: tuple[str, ...]
    lengths: tuple[float, ...]


CONTESTANTS = {
    PLUSX: Contestant(None, (), (0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 9, 14, 20)),
    "fastai": Contestant("peers/fastai_loop.py", (), (1, 2, 3, 5, 8)),
    "fastai-128": Contestant("peers/fastai_loop.py", ("--batch-size", "128"), (1, 2, 3, 5, 8)),
    "fastai-augmented": Contestant("peers/fastai_loop.py", ("--batch-size", "128", "--augment"), (2, 4, 6, 8)),
    "textbook": Contestant("textbook.py", ("--anneal",), (1, 2, 3, 5, 8, 12)),
    "timm": Contestant("peers/timm_loop.py", ("--channels-last",), (1, 2, 3, 5, 8, 12)),
    "timm-resnet10t": Contestant(
        "peers/timm_loop.py", ("--model", "resnet10t", "--channels-last"), (1, 2, 3, 5, 8, 12, 18)
    ),
    "keras": Contestant("peers/keras_jax.py", (), (3, 5, 8, 12, 15, 25, 40)),
    "keras-resnet": Contestant("peers/keras_jax.py", ("--network", "resnet", "--moved"), (1, 2, 3, 5, 8, 12)),
}


@dataclass(frozen=True)
class Entry:
    """One training to be done: by epochs, or by a budget."""

    contestant: str
    seed: int
    epochs: float | None = None
    budget_s: float | None = None


class Lines:
    """The trainings that are done, in a file of a JSON object a line."""

    def __init__(self, path: Path):
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self._done: dict[Entry, Round] = {}
        for line in map(json.loads, lines):
            entry = Entry(line["contestant"], line["seed"], line["epochs"], line["budget_s"])
            self._done[entry] = Round(line["duration_s"], line["process_s"], line["accuracy"])

    def __contains__(self, entry: Entry) -> bool:
        return entry in self._done

    def add(self, entry: Entry, done: Round) -> None:
        self._done[entry] = done
        self._path.parent.mkdir(parents=True, exist_ok=True)
        line = {**asdict(entry), **asdict(done), "date": date.today().isoformat(), "host": host()}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def rounds(self, contestant: str, *, epochs: float | None = None, budget_s: float | None = None) -> list[Round]:
        """All seeds of one setting."""
        wanted = (contestant, epochs, budget_s)
        return [done for one, done in self._done.items() if (one.contestant, one.epochs, one.budget_s) == wanted]

    def first_to_reach(self, contestant: str, target: float) -> tuple[float, list[Round]] | None:
        """The shortest length in epochs whose median accuracy is the target's, and its rounds."""
        for epochs in CONTESTANTS[contestant].lengths:
            rounds = self.rounds(contestant, epochs=epochs)
            if rounds and median(one.accuracy for one in rounds) >= target / 100:
                return epochs, rounds
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--contestants", nargs="+", choices=list(CONTESTANTS), default=list(CONTESTANTS))
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0, 1, 2, ...")
    parser.add_argument("--targets", nargs="*", type=float, default=[99.0, 99.5, 99.7], metavar="PERCENT")
    parser.add_argument("--budgets", nargs="*", type=float, default=[60, 300, 900], metavar="SECONDS")
    parser.add_argument("--steps", type=int, help="cut the peers' trainings short, to try this script")
    parser.add_argument("--lines", type=Path, default=HERE / "results" / "race.jsonl", help="what is done so far")
    parser.add_argument("--done", action="store_true", help="train nothing: the tables of what is done so far")
    parser.add_argument("--write", action="store_true", help="put the tables into RESULTS.md")
    options = parser.parse_args()
    if options.steps and (options.write or options.lines == parser.get_default("lines")):
        parser.error("--steps: results of shortened trainings are not kept; name another file with --lines")

    lines = Lines(options.lines)
    for entry in () if options.done else race(options, lines):
        if entry not in lines:
            done = train(entry, options.data_dir, options.steps)
            lines.add(entry, done)
            size = f"{entry.epochs:g} epochs" if entry.epochs else f"{entry.budget_s:g} s"
            report(f"{entry.contestant}, {size}", entry.seed, done)
    body = tables(lines, options)
    print(f"\n{body}")
    if options.write:
        write_section(HEADING, f"{body}\n\n`python benchmarks/race.py --seeds {options.seeds} --write`")


def race(options: argparse.Namespace, lines: Lines) -> Iterator[Entry]:
    """What is to be done, in turns; whoever has reached the highest target tries nothing longer."""
    for budget_s in options.budgets:
        for seed in range(options.seeds):
            for name in options.contestants:
                yield Entry(name, seed, budget_s=budget_s)
    racing: list[str] = options.contestants if options.targets else []
    for turn in range(max(len(CONTESTANTS[name].lengths) for name in options.contestants)):
        racing = [
            name
            for name in racing
            if turn < len(CONTESTANTS[name].lengths) and not has_reached(lines, name, max(options.targets), turn)
        ]
        for seed in range(options.seeds):
            for name in racing:
                yield Entry(name, seed, epochs=CONTESTANTS[name].lengths[turn])


def has_reached(lines: Lines, name: str, target: float, turn: int) -> bool:
    """Whether a length before this turn's was enough."""
    found = lines.first_to_reach(name, target)
    return found is not None and found[0] < CONTESTANTS[name].lengths[turn]


def train(entry: Entry, data_dir: Path, steps: int | None) -> Round:
    contestant = CONTESTANTS[entry.contestant]
    if contestant.script is None:
        budget = ("--budget", f"{entry.budget_s:g}s") if entry.budget_s else ("--epochs", f"{entry.epochs:g}")
        return train_plusx(data_dir, entry.seed, (*contestant.options, *budget))
    size = ("--budget", str(entry.budget_s)) if entry.budget_s else ("--epochs", str(entry.epochs))
    cut = () if steps is None else ("--steps", str(steps))
    fixed = ("--data-dir", str(data_dir), "--seed", str(entry.seed))
    return run([str(HERE / contestant.script), *fixed, *contestant.options, *size, *cut], {})


def host() -> dict[str, str]:
    """Where it was measured, and with what."""
    libraries = ("plusx", "torch", "torchvision", "timm", "fastai", "keras", "jax")
    return {"cpu": cpu_model(), "python": platform.python_version(), **{name: version(name) for name in libraries}}


def tables(lines: Lines, options: argparse.Namespace) -> str:
    both = (
        targets_table(lines, options.contestants, options.targets),
        budgets_table(lines, options.contestants, options.budgets),
    )
    return "\n".join(
        [
            *(line for part in both if part for line in (*part, "")),
            "Medians (lowest to highest) over the seeds. Seconds run from the files to the trained network: reading,",
            "preparing and compiling count, imports and tests do not. Peers know their own speed: measuring it for a",
            "budget is free. The test set decides nothing but these tables.",
            "",
            f"{setting()}.",
        ]
    )


def targets_table(lines: Lines, names: Sequence[str], targets: Sequence[float]) -> list[str]:
    """How soon each is at each target, and how many times sooner plusx is than the soonest peer."""
    if not targets:
        return []
    table = [f"| seconds to | {' | '.join(f'{target} %' for target in targets)} |", "|---" * (len(targets) + 1) + "|"]
    ratios: list[str] = []
    cells: dict[str, list[str]] = {name: [] for name in names}
    for target in targets:
        reached = {name: lines.first_to_reach(name, target) for name in names}
        for name, found in reached.items():
            cells[name].append(_soonest(found) if found else _longest(lines, name))
        times = {name: median(one.duration_s for one in found[1]) for name, found in reached.items() if found}
        peers = [time_s for name, time_s in times.items() if name != PLUSX]
        ratios.append(f"**{min(peers) / times[PLUSX]:.1f}**" if peers and PLUSX in times else "")
    table += [f"| {name} | {' | '.join(row)} |" for name, row in cells.items()]
    return [*table, f"| soonest peer's time / plusx's | {' | '.join(ratios)} |"]


def _soonest(found: tuple[float, list[Round]]) -> str:
    epochs, rounds = found
    return f"{spread([one.duration_s for one in rounds])}; epochs: {epochs:g}, seeds: {len(rounds)}"


def _longest(lines: Lines, name: str) -> str:
    """What the longest training gave of one that did not get there."""
    for epochs in reversed(CONTESTANTS[name].lengths):
        if rounds := lines.rounds(name, epochs=epochs):
            accuracy, time_s = (median(getattr(one, what) for one in rounds) for what in ("accuracy", "duration_s"))
            return f"not by {time_s:.0f} s: {100 * accuracy:.2f} %"
    return ""


def budgets_table(lines: Lines, names: Sequence[str], budgets: Sequence[float]) -> list[str]:
    """How accurate each is within each budget."""
    if not budgets:
        return []
    titles = " | ".join(f"{budget_s:g} s" for budget_s in budgets)
    table = [f"| test accuracy within, % | {titles} |", "|---" * (len(budgets) + 1) + "|"]
    for name in names:
        cells = [_within(lines.rounds(name, budget_s=budget_s), budget_s) for budget_s in budgets]
        table.append(f"| {name} | {' | '.join(cells)} |")
    return table


def _within(rounds: Sequence[Round], budget_s: float) -> str:
    if not rounds:
        return ""
    latest_s = max(one.duration_s for one in rounds)
    late = f"; late: {latest_s:.0f} s" if latest_s > LATEST * budget_s else ""
    return spread([100 * one.accuracy for one in rounds], ".2f") + late


if __name__ == "__main__":
    main()
