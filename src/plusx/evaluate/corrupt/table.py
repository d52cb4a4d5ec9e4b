"""How strong a corruption is: what was published for pictures of 32 and of 224 pixels, and what lies between."""

from __future__ import annotations

import math
from dataclasses import dataclass

from plusx.errors import WrongUse

SMALL, LARGE = 32, 224
SEVERITIES = (1, 2, 3, 4, 5)
Five = tuple[float, float, float, float, float]


@dataclass(frozen=True)
class Table:
    """A corruption's parameter by severity, as CIFAR-10-C and ImageNet-C have it (arXiv 1903.12261 and its authors'
    repository, hendrycks/robustness).

    Args:
        small: at 32 pixels, for severities 1 to 5.
        large: at 224 pixels.
        length: whether it is a length in pixels. Between the two sizes lengths change evenly with the side, other
            numbers with its logarithm; beyond them lengths stay the same share of the side, other numbers stay.

    >>> Table((1, 2, 3, 4, 5), (7, 14, 21, 28, 35), length=True).at(2, side=64)
    4.0
    >>> Table((1, 2, 3, 4, 5), (3, 4, 5, 6, 7)).at(1, side=448)
    3.0
    """

    small: Five
    large: Five
    length: bool = False

    def at(self, severity: int, side: int) -> float:
        """The parameter for pictures of this side.

        Raises:
            WrongUse: the severity is not one of 1 to 5.
        """
        if severity not in SEVERITIES:
            raise WrongUse(f"severity {severity}: a corruption has the severities 1 to 5")
        small, large = (float(values[severity - 1]) for values in (self.small, self.large))
        if side <= SMALL:
            return small * side / SMALL if self.length else small
        if side >= LARGE:
            return large * side / LARGE if self.length else large
        places = (SMALL, side, LARGE) if self.length else [math.log(one) for one in (SMALL, side, LARGE)]
        return small + (large - small) * (places[1] - places[0]) / (places[2] - places[0])
