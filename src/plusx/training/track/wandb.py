"""Weights & Biases: offline in the run's folder, unless WANDB_MODE says otherwise."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from plusx.training.track.tracker import Parameter, keep, kept


class WandB:
    """A run of the project `plusx`, or of WANDB_PROJECT; `wandb sync RUN/wandb/offline-*` uploads what was offline.

    Each process of a run that was continued offline leaves a folder of its own, all with the id in `wandb/id`.
    """

    needs: ClassVar[tuple[str, ...]] = ("wandb",)

    def __init__(self, run: Path, parameters: Mapping[str, Parameter]) -> None:
        if os.environ.setdefault("WANDB_MODE", "offline") == "offline":
            # Its own statistics would otherwise be sent from an offline run, too.
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        self._step = run / "wandb" / "step"
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "plusx"),
            name=run.resolve().name,
            id=kept(run / "wandb" / "id", lambda: secrets.token_hex(4)),
            resume="allow",
            dir=str(run),
            config=dict(parameters),
            settings=wandb.Settings(silent=True, console="off", disable_git=True, disable_code=True),
        )

    def resume(self, step: int) -> int:
        """What was told stays: a row that comes again is the same, but for its times."""
        return int(kept(self._step, lambda: "0"))

    def row(self, step: int, figures: Mapping[str, float]) -> None:
        """Figures after a step."""
        self._run.log(dict(figures), step=step)
        keep(self._step, str(step))

    def finish(self, step: int, figures: Mapping[str, float]) -> None:
        """Into the run's summary."""
        self._run.summary.update(dict(figures))

    def close(self, failed: bool) -> None:
        """Waits until all is written."""
        self._run.finish(exit_code=int(failed))
