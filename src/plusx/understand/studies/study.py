"""What a study is: settings, a function from them to plain numbers, what follows from the numbers, drawings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field, PositiveFloat, PositiveInt

from plusx.understand.studies.pictures import Pictures
from plusx.understand.studies.spread import Finding, Row

Note = Callable[[str], None]


class Settings(BaseModel, frozen=True, extra="forbid"):
    """What every study is set by; each study's own settings add to it.

    The networks are the CIFAR form of arXiv 1512.03385, section 4.2: three stages of `blocks` blocks, 6 x blocks + 2
    layers.
    """

    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1, description="first weights and order of examples")
    side: PositiveInt = Field(default=16, description="pixels; larger pictures are shrunk to it")
    train: PositiveInt = Field(default=10_000, description="the most pictures to train on")
    test: PositiveInt = Field(default=10_000, description="the most pictures to test on")
    width: PositiveInt = Field(default=8, description="filters of the first stage; the paper has 16")
    epochs: PositiveFloat = 40
    batch_size: PositiveInt = 128
    lr: PositiveFloat = Field(default=0.1, description="the highest rate")


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Panel:
    """One drawing of a study.

    Args:
        caption: what it shows, in words.
        draw: (axes, rows) -> None; matplotlib's axes.
        width, height: in inches.
    """

    caption: str
    draw: Callable[[Any, Sequence[Row]], None]
    width: float = 5.0
    height: float = 3.4


@dataclass(frozen=True)
class Study(Generic[S]):
    """A claim of a paper as an experiment.

    Args:
        name: what `plusx study` calls it.
        question: what it asks, as a page's title.
        source: the paper, its section, table or figure.
        claim: what the paper says, in our words.
        settings: the whole form; `quick` the one of minutes.
        run: (settings, pictures, note) -> rows of plain numbers, the same for the same settings.
        findings: what follows from the rows, by rule and not by wish.
        table: the rows' mean over seeds, with the columns' names.
        panels: the drawings.
        limits: how this differs from what the paper did, beside the settings.
        answer: further sentences that follow from the rows, for a question that people ask.
    """

    name: str
    question: str
    source: str
    claim: str
    settings: S
    quick: S
    run: Callable[[S, Pictures, Note], list[Row]]
    findings: Callable[[Sequence[Row]], list[Finding]]
    table: Callable[[Sequence[Row]], tuple[list[str], list[list[Any]]]]
    panels: tuple[Panel, ...]
    limits: str
    answer: Callable[[Sequence[Row]], list[str]] | None = None
