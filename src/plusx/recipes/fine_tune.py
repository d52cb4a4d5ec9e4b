"""The recipe for going on from trained weights (`--from`): what they know should change little."""

from __future__ import annotations

from plusx.data.survey import Facts
from plusx.recipes.images import images
from plusx.training.recipe import Optimizer, Recipe

RATE = 0.2
RATE_DECAY = 0.5
SHARE_OF_EPOCHS = 0.5


def fine_tune(facts: Facts) -> Recipe:
    """`images` at a fifth of its rate and for half its epochs, each stage slower than the next (arXiv 1801.06146).

    The network and the preprocessing are the start's; what was measured is in `benchmarks/RESULTS.md`.
    """
    recipe = images(facts)
    epochs = max(1.0, recipe.epochs * SHARE_OF_EPOCHS)
    return recipe.model_copy(
        update={
            "name": "fine_tune",
            "optimizer": _slower(recipe.optimizer),
            "epochs": epochs,
            "rate_decay": RATE_DECAY,
            "reasons": {
                **recipe.reasons,
                "epochs": f"{facts.count:,} training pictures, and weights that are trained already",
                "rate_decay": "what is near the input is the most general (arXiv 1801.06146, section 3.2)",
            },
        }
    )


def _slower(optimizer: Optimizer) -> Optimizer:
    rates = {name: RATE * value for name, value in optimizer if name.endswith("lr")}
    return optimizer.model_copy(update=rates)
