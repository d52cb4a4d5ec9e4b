"""What is asked of a smaller model."""

from __future__ import annotations

from dataclasses import dataclass

from plusx.errors import WrongUse
from plusx.tasks import Task

NO_SHARES = ("mae", "rmse")


@dataclass(frozen=True)
class Wishes:
    """What is asked of a smaller model.

    Args:
        max_drop: how much the main score may fall: points of per cent of a share, per cent of another number.
        target_latency_ms: the longest that one example may take; None: the shorter the better.
        target_size_bytes: the largest file; None: any.
        budget_s: about how long the search may take.
        aware: whether a network whose int8 falls short is trained as int8 before layers go back to float.

    Raises:
        WrongUse: the drop is below 0.
    """

    max_drop: float = 0.5
    target_latency_ms: float | None = None
    target_size_bytes: int | None = None
    budget_s: float = 600.0
    aware: bool = False

    def __post_init__(self) -> None:
        if not self.max_drop >= 0:
            raise WrongUse(f"--max-drop {self.max_drop:g}: it must be 0 or more, in points of per cent")

    def least(self, task: Task, score: float) -> float:
        """The least score that is good enough where the given model has `score`; of errors both have a minus.

        >>> from plusx.tasks.classify import Classify
        >>> round(Wishes(max_drop=0.5).least(Classify(), 0.991), 4)
        0.986
        """
        unit = abs(score) if task.JUDGED_BY[0] in NO_SHARES else 1.0
        return score - self.max_drop / 100 * unit
