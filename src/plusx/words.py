"""Numbers as people write them."""

from __future__ import annotations


def percent(share: float) -> str:
    """A share of 1 as people write it.

    >>> percent(0.99174)
    '99.17 %'
    """
    return f"{100 * share:.2f} %"
