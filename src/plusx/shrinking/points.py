"""A model that a shrinking made: what was measured of it, and how it is made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plusx.shrinking.speed import Speed
from plusx.shrinking.steps import Quantize, Steps, steps_from_json


@dataclass(frozen=True)
class Point:
    """A model that a shrinking made.

    Args:
        name: its folder's.
        made: its steps in words.
        score: the task's main score on the validation examples; the higher the better, an error's with a minus.
        speeds: by engine, as they were when it was made.
        size_bytes: of its file.
        steps: that make it of the model that was given.

    >>> point = Point("01", "int8", 0.9, {"torch": Speed(2.0, 900.0, 128), "onnx": Speed(1.0, 800.0, 128)}, 10)
    >>> point.engine, point.per_second, point.latency_ms
    ('torch', 900.0, 1.0)
    """

    name: str
    made: str
    score: float
    speeds: Mapping[str, Speed]
    size_bytes: int
    steps: Steps = ()

    @property
    def engine(self) -> str:
        """The fastest in batches."""
        return max(self.speeds, key=lambda name: self.speeds[name].per_second)

    @property
    def per_second(self) -> float:
        """Examples in batches, on the fastest engine."""
        return self.speeds[self.engine].per_second

    @property
    def latency_ms(self) -> float:
        """Of one example, on the engine that is the fastest with one."""
        return min(speed.latency_ms for speed in self.speeds.values())

    @property
    def int8(self) -> bool:
        """Whether its last step was to int8."""
        return bool(self.steps) and isinstance(self.steps[-1], Quantize)

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "name": self.name,
            "made": self.made,
            "score": self.score,
            "latency_ms": self.latency_ms,
            "per_second": self.per_second,
            "engine": self.engine,
            "size_bytes": self.size_bytes,
            "speeds": {name: speed._asdict() for name, speed in self.speeds.items()},
            "steps": [step.model_dump(mode="json") for step in self.steps],
        }

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> Point:
        """What `as_json` gave."""
        speeds = {name: Speed(**speed) for name, speed in stored["speeds"].items()}
        own = {name: stored[name] for name in ("name", "made", "score", "size_bytes")}
        return cls(**own, speeds=speeds, steps=steps_from_json(stored["steps"]))
