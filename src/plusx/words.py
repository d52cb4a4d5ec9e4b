"""Numbers as people write them."""

from __future__ import annotations

from collections.abc import Sequence


def percent(share: float) -> str:
    """A share of 1 as people write it.

    >>> percent(0.99174)
    '99.17 %'
    """
    return f"{100 * share:.2f} %"


def numbers(values: Sequence[float], names: Sequence[str] = ()) -> str:
    """Numbers as people write them: one alone, several with their names where these are known.

    >>> numbers([12.5], ["angle"]), numbers([1 / 3, 2e7], ["x", "y"])
    ('12.5', 'x=0.333333 y=2e+07')
    """
    texts = [f"{value:.6g}" for value in values]
    if len(texts) == len(names) > 1:
        texts = [f"{name}={text}" for name, text in zip(names, texts, strict=True)]
    return " ".join(texts)
