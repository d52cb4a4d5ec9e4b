"""TensorBoard: event files in the run's folder; `tensorboard --logdir runs` shows them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from plusx.training.track.tracker import Parameter

FIGURE = "val_loss"
"""A figure that each row has."""


class TensorBoard:
    """Event files in `tensorboard/` below the run; each process writes one more."""

    needs: ClassVar[tuple[str, ...]] = ("tensorboard",)

    def __init__(self, run: Path, parameters: Mapping[str, Parameter]) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        (run / "tensorboard").mkdir(exist_ok=True)
        self._folder = str(run / "tensorboard")
        self._parameters = dict(parameters)
        self._make = SummaryWriter
        self._writer: SummaryWriter | None = None

    def resume(self, step: int) -> int:
        """Opens a file that takes the place of what earlier ones say of `step` and later."""
        from torch.utils.tensorboard.summary import hparams

        held = self._last_before(step)
        self._writer = self._make(self._folder, purge_step=step)
        # SummaryWriter.add_hparams would make a second run beside this one.
        for summary in hparams(self._parameters, {FIGURE: 0.0}):
            self._writer._get_file_writer().add_summary(summary)
        return held

    def row(self, step: int, figures: Mapping[str, float]) -> None:
        """Writes to the disk at once: a checkpoint may follow, after which these rows do not come again."""
        assert self._writer is not None
        for name, figure in figures.items():
            self._writer.add_scalar(name, figure, step)
        self._writer.flush()

    def finish(self, step: int, figures: Mapping[str, float]) -> None:
        """As a row's."""
        self.row(step, figures)

    def close(self, failed: bool) -> None:
        """Closes the file."""
        if self._writer is not None:
            self._writer.close()

    def _last_before(self, step: int) -> int:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(self._folder, size_guidance={"scalars": 0}).Reload()
        held = events.Scalars(FIGURE) if FIGURE in events.Tags()["scalars"] else []
        return max((event.step for event in held if event.step < step), default=0)
