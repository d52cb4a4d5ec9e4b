"""What a set of texts is like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plusx.data.sources import Samples
from plusx.data.survey import Facts, look
from plusx.data.text import checked

HIGH = 95


@dataclass(frozen=True)
class TextFacts(Facts):
    """What a set of texts is like.

    Args:
        median: of the texts' lengths, in bytes.
        high: what 95 of 100 texts are no longer than, in bytes.
    """

    median: int
    high: int


def survey_texts(samples: Samples) -> TextFacts:
    """Looks at up to 256 texts.

    Raises:
        PlusxError: none can be read.
    """
    lengths = list(look(samples, lambda source: len(checked(source))).values())
    return TextFacts(
        count=len(samples),
        classes=len(samples.classes),
        median=int(np.median(lengths)),
        high=int(np.percentile(lengths, HIGH, method="inverted_cdf")),
    )
