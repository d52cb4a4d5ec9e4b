"""Targets that are numbers: the columns of a list that hold them, and how they are read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from plusx.errors import WrongUse

TARGET, NAMED = "target", "target_"
LARGEST = float(np.finfo(np.float32).max)


def target_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that hold a target, in their order: `target`, or one `target_NAME` for each of several.

    >>> target_columns(["path", "target_x", "target_y", "split"])
    ('target_x', 'target_y')
    """
    return tuple(name for name in columns if name == TARGET or (name.startswith(NAMED) and name != NAMED))


def target_names(columns: Sequence[str]) -> tuple[str, ...]:
    """What the targets of these columns are called.

    >>> target_names(["target_x", "target"]), target_names(["target"])
    (('x', 'target'), ('target',))
    """
    return tuple(name.removeprefix(NAMED) for name in columns)


def numbers_in(values: Mapping[str, str], columns: Sequence[str], where: str) -> tuple[float, ...]:
    """The numbers in these columns of a row.

    Raises:
        WrongUse: one is missing, no number, infinite, or beyond what float32 holds.

    >>> numbers_in({"target": " 12.5 "}, ["target"], "list.csv: line 2")
    (12.5,)
    """
    return tuple(_number(values.get(name, ""), f"{where}: {name}") for name in columns)


def _number(text: str, where: str) -> float:
    if not text.strip():
        raise WrongUse(f"{where}: no number; fill it in or remove the row")
    try:
        number = float(text)
    except ValueError:
        raise WrongUse(f"{where}: {text.strip()!r} is no number; mend it or remove the row") from None
    if not math.isfinite(number):
        raise WrongUse(f"{where}: {text.strip()} is not finite; mend it or remove the row")
    if abs(number) > LARGEST:
        raise WrongUse(f"{where}: {text.strip()} is too large; give it in a larger unit")
    return number
