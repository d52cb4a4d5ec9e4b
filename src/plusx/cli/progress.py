"""A training's progress: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from plusx.training.launched import leads
from plusx.training.watch import Epoch, Silent, Step, Watcher
from plusx.words import percent


@contextmanager
def watching() -> Iterator[Watcher]:
    """A watcher on stderr that suits where stderr goes."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not (console.is_terminal and leads()):
        yield Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, refresh_per_second=5) as progress:
        yield Bars(progress)


class Lines(Silent):
    """A line a note and a line an epoch: for files, pipes and logs."""

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def finished_epoch(self, epoch: Epoch, epochs: float) -> None:
        self.note(epoch_line(epoch, epochs))


class Bars:
    """Bars for what is under way; notes and finished epochs scroll above them."""

    def __init__(self, progress: Progress):
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def note(self, text: str) -> None:
        self._progress.console.print(text, markup=False)

    def preparing(self, what: str, done: int, total: int) -> None:
        self._show(f"preparing {what}", done, total, "")

    def stepped(self, step: Step) -> None:
        speed = f"{step.samples_per_s:,.0f} examples/s"
        figures = f"epoch {step.epoch:.1f}  loss {step.loss:.3f}  {_share(step.measure, step.accuracy)}  {speed}"
        self._show("training", step.step, step.steps, figures)

    def finished_epoch(self, epoch: Epoch, epochs: float) -> None:
        self.note(epoch_line(epoch, epochs))

    def _show(self, name: str, done: int, total: int, figures: str) -> None:
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=total, figures=figures)
        self._progress.update(self._bars[name], completed=done, total=total, figures=figures, visible=done < total)


def epoch_line(epoch: Epoch, epochs: float) -> str:
    """One epoch in one line.

    >>> epoch_line(Epoch(1, 90, 0.1, 0.9, 0.75, 0.5, 0.875, 5000.0, 3.0), epochs=3)
    'epoch 1/3  train loss 0.900, 75.00 %  val loss 0.500, 87.50 %  5,000 examples/s  3.0 s'
    """
    train, val = (_share(epoch.measure, share) for share in (epoch.train_accuracy, epoch.val_accuracy))
    return (
        f"epoch {epoch.epoch:g}/{epochs:g}  train loss {epoch.train_loss:.3f}, {train}  "
        f"val loss {epoch.val_loss:.3f}, {val}  "
        f"{epoch.samples_per_s:,.0f} examples/s  {epoch.elapsed_s:.1f} s"
    )


def _share(measure: str, share: float) -> str:
    return percent(share) if measure == "accuracy" else f"{measure} {share:.3f}"
