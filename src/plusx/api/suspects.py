"""From every example's probabilities to the labels that are probably wrong, as findings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from plusx.api.answered import Answered
from plusx.data.audit.confident import wrong_labels
from plusx.data.audit.examine import Examined, Found
from plusx.words import percent

KIND = "wrong_label"
LEAST_AGREEMENT = 0.7
"""Networks that agree with fewer of the labels do not know better than these."""


def doubt(examined: Examined, answered: Answered) -> str | None:
    """Why these answers are no judges of the labels; None where they are."""
    targets = examined.whole.targets[answered.rows]
    if examined.whole.multilabel:
        agreed = ((answered.probabilities > 0.5) == (targets == 1)).mean()
    else:
        agreed = (answered.probabilities.argmax(axis=1) == targets).mean()
    if agreed >= LEAST_AGREEMENT:
        return None
    return f"labels were not judged: the quick networks agree with {percent(float(agreed))} of them; give more --budget"


def suspects(examined: Examined, answered: Answered) -> Iterator[Found]:
    """The findings, the surest first; of examples with several labels, each label is a question of its own."""
    whole = examined.whole
    if not whole.multilabel:
        labels = whole.targets[answered.rows]
        for place, proposed, margin in zip(*wrong_labels(labels, answered.probabilities), strict=True):
            given, likelier = (float(answered.probabilities[place, one]) for one in (labels[place], proposed))
            value = f"probability {given:.3f}, of {whole.classes[proposed]} {likelier:.3f}"
            suggestion = f"perhaps {whole.classes[proposed]}"
            yield examined.about(KIND, int(answered.rows[place]), value, float(margin), suggestion=suggestion)
        return
    for label, name in enumerate(whole.classes):
        own = answered.probabilities[:, label]
        given = whole.targets[answered.rows, label].astype(np.int64)
        if 0 < given.sum() < len(given):
            for place, proposed, margin in zip(*wrong_labels(given, np.stack([1 - own, own], axis=1)), strict=True):
                value = f"probability of {name} {own[place]:.3f}"
                suggestion = f"perhaps {'also' if proposed else 'not'} {name}"
                yield examined.about(KIND, int(answered.rows[place]), value, float(margin), suggestion=suggestion)
