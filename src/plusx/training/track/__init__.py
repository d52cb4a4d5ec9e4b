"""Figures told to tools that keep them: `--track`. A new tracker is one file and one line here.

None of them uses the network unless its own variables say so: MLFLOW_TRACKING_URI, WANDB_MODE.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from plusx.errors import PlusxError, WrongUse, nearest
from plusx.training.track.mlflow import MLflow
from plusx.training.track.tensorboard import TensorBoard
from plusx.training.track.tracker import Tracker
from plusx.training.track.wandb import WandB

TRACKERS: dict[str, type[Tracker]] = {"tensorboard": TensorBoard, "mlflow": MLflow, "wandb": WandB}


def find_trackers(names: Sequence[str]) -> dict[str, type[Tracker]]:
    """The trackers of these names, none of them opened.

    Raises:
        WrongUse: there is no such tracker.
        PlusxError: it needs a package that is not installed.

    >>> list(find_trackers(["tensorboard"]))
    ['tensorboard']
    """
    for name in names:
        if name not in TRACKERS:
            raise WrongUse(f"--track {name}: it must be one of {', '.join(TRACKERS)}{nearest(name, list(TRACKERS))}")
        for package in TRACKERS[name].needs:
            if find_spec(package) is None:
                raise PlusxError(f"--track {name}: {package} is not installed; pip install 'plusx[track]'")
    return {name: TRACKERS[name] for name in names}
