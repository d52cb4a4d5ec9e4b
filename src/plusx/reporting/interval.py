"""How far a measured share may be from that of all examples that there could be."""

from __future__ import annotations

import math

Z = 1.959964
"""The normal distribution's 97.5 % quantile: intervals hold 95 %."""


def wilson(hits: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `hits` of `count` were seen (Wilson 1927, equation 4 with z = 1.96).

    Unlike the share with its standard error it is never empty, and stays within 0 and 1.

    >>> [round(end, 4) for end in wilson(95, 100)]
    [0.8882, 0.9785]
    """
    share = hits / count
    middle = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)
