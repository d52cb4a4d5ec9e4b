"""The recipe for going on from trained weights (`--from`)."""

from __future__ import annotations

from plusx.data.image_facts import ImageFacts
from plusx.recipes.images import images
from plusx.training.recipe import Recipe, Sgd

RATE, PHOTO_RATE, PHOTO_SIDE = 0.1, 0.05, 96
RATE_DECAY = 0.6


def fine_tune(facts: ImageFacts) -> Recipe:
    """`images` with plain SGD, each stage slower than the next (arXiv 1801.06146, section 3.2).

    SGD, since Muon would first scale each filter bank to a norm of its own, whatever it was trained to. As many epochs
    as from scratch, and no low rate: less of either was worse on ten pictures each of digits that the start had not
    seen (`benchmarks/fine_tune.py`). Network and preprocessing are the start's.
    """
    recipe = images(facts)
    rate = RATE if min(facts.height, facts.width) <= PHOTO_SIDE else PHOTO_RATE
    return recipe.model_copy(
        update={
            "name": "fine_tune",
            "optimizer": Sgd(lr=rate),
            "rate_decay": RATE_DECAY,
            "reasons": {
                **recipe.reasons,
                "optimizer": "plain SGD keeps the scale of what was learned",
                "rate_decay": "what is near the input is the most general (arXiv 1801.06146, section 3.2)",
            },
        }
    )
