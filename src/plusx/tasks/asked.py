"""Which part of an answer is explained: a label, a number, a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from plusx.errors import WrongUse, nearest


class Asked(NamedTuple):
    """What of an example's answer is explained.

    Args:
        place: among the network's outputs, as the task counts them.
        label: what people call it; None where it has no name.
        probability: how probable it is; None where nothing says so.
        error: why there is nothing to explain; None where there is.
    """

    place: int
    label: str | None
    probability: float | None
    error: str | None = None


def place_of(label: str, classes: Sequence[str]) -> int:
    """The label's place.

    Raises:
        WrongUse: there is no such label.

    >>> place_of("dog", ["cat", "dog"])
    1
    """
    if label not in classes:
        known = ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
        raise WrongUse(f"--label {label}: no such label{nearest(label, classes)}; there are {known}")
    return list(classes).index(label)


def class_asked(
    probabilities: Float[np.ndarray, "count classes"], classes: Sequence[str], label: str | None
) -> list[Asked]:
    """The class of this label, or each example's likeliest one.

    Raises:
        WrongUse: there is no such label.

    >>> class_asked(np.array([[0.2, 0.8]]), ["cat", "dog"], None)
    [Asked(place=1, label='dog', probability=0.8, error=None)]
    """
    places = probabilities.argmax(1) if label is None else np.full(len(probabilities), place_of(label, classes))
    return [
        Asked(place, classes[place], float(row[place]))
        for row, place in zip(probabilities, map(int, places), strict=True)
    ]


def no_choice(label: str | None, what: str) -> None:
    """Nothing, where no label was asked for.

    Raises:
        WrongUse: one was, and the task has none to choose from.
    """
    if label is not None:
        raise WrongUse(f"--label {label}: {what} is explained as a whole; leave it out")
