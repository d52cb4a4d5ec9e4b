"""Recipes by name, and a person's own as `module:function`. A recipe is a function from facts to a `Recipe`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast, get_type_hints

from plusx.data.survey import Facts
from plusx.errors import WrongUse, nearest
from plusx.recipes.cifar import cifar
from plusx.recipes.detect import detect, detect_fine_tune, detect_ladder
from plusx.recipes.fine_tune import fine_tune
from plusx.recipes.imagenet import imagenet_a1, imagenet_a2, imagenet_a3
from plusx.recipes.images import images, images_ladder
from plusx.recipes.paper2015 import paper2015, paper2015_resnet110
from plusx.recipes.segment import segment, segment_fine_tune, segment_ladder
from plusx.recipes.signals import signals, signals_fine_tune, signals_ladder
from plusx.recipes.sounds import fine_tune_sounds, sounds, sounds_ladder, waves
from plusx.recipes.speech import fine_tune_speech, speech, speech_ladder
from plusx.recipes.texts import fine_tune_texts, texts, texts_ladder
from plusx.recipes.volumes import volumes, volumes_fine_tune, volumes_ladder
from plusx.training.recipe import Recipe

# Each takes the facts of its own modality.
RecipeFunction = Callable[[Any], Recipe]

RECIPES: dict[str, RecipeFunction] = {
    "images": images,
    "fine_tune": fine_tune,
    "texts": texts,
    "fine_tune_texts": fine_tune_texts,
    "cifar": cifar,
    "paper2015": paper2015,
    "paper2015_resnet110": paper2015_resnet110,
    "imagenet_a1": imagenet_a1,
    "imagenet_a2": imagenet_a2,
    "imagenet_a3": imagenet_a3,
    "sounds": sounds,
    "waves": waves,
    "fine_tune_sounds": fine_tune_sounds,
    "speech": speech,
    "fine_tune_speech": fine_tune_speech,
    "segment": segment,
    "segment_fine_tune": segment_fine_tune,
    "detect": detect,
    "detect_fine_tune": detect_fine_tune,
    "volumes": volumes,
    "volumes_fine_tune": volumes_fine_tune,
    "signals": signals,
    "signals_fine_tune": signals_fine_tune,
}


@dataclass(frozen=True)
class Automatic:
    """What a modality's examples are trained with where nothing was named.

    Args:
        recipe: by name, from fresh weights.
        fine_tune: by name, from trained ones.
        ladder: recipes from the cheapest to the dearest, each with the epochs from which on it is worth its cost: what
            `--budget` chooses from.
    """

    recipe: str
    fine_tune: str
    ladder: Callable[[Any], Sequence[Recipe]]


AUTOMATIC: dict[str | tuple[str, str], Automatic] = {
    "image": Automatic("images", "fine_tune", images_ladder),
    "volume": Automatic("volumes", "volumes_fine_tune", volumes_ladder),
    "signal": Automatic("signals", "signals_fine_tune", signals_ladder),
    "sound": Automatic("sounds", "fine_tune_sounds", sounds_ladder),
    "text": Automatic("texts", "fine_tune_texts", texts_ladder),
    ("sound", "transcribe"): Automatic("speech", "fine_tune_speech", speech_ladder),
    ("image", "segment"): Automatic("segment", "segment_fine_tune", segment_ladder),
    ("image", "detect"): Automatic("detect", "detect_fine_tune", detect_ladder),
}
"""By modality, and by modality and task where a task has its own."""


def automatic_for(modality: str, task: str) -> Automatic:
    """What such examples are trained with.

    >>> automatic_for("image", "multilabel").recipe, automatic_for("image", "segment").recipe
    ('images', 'segment')
    """
    return AUTOMATIC.get((modality, task), AUTOMATIC[modality])


def find_recipe(name: str) -> RecipeFunction:
    """A recipe of ours by its name, or `module:function`, which is imported.

    Raises:
        WrongUse: there is none of that name.

    >>> find_recipe("images") is images
    True
    """
    module, colon, function = name.partition(":")
    if not colon:
        if name not in RECIPES:
            raise WrongUse(
                f"--recipe {name}: no such recipe{nearest(name, list(RECIPES))}; there are {', '.join(RECIPES)}, "
                "or give your own as module:function"
            )
        return RECIPES[name]
    try:
        found: Any = getattr(import_module(module), function, None)
    except ImportError as error:
        raise WrongUse(f"--recipe {name}: {module} cannot be imported: {error}") from None
    if not callable(found):
        raise WrongUse(f"--recipe {name}: {module} has no function {function}")
    return cast(RecipeFunction, found)


def recipe_for(name: str, facts: Facts, many: str) -> Recipe:
    """The recipe of this name for a set; `many` is what people call its examples.

    Raises:
        WrongUse: there is none of that name, or it is for another kind of examples.
    """
    function = find_recipe(name)
    wanted = get_type_hints(function).get("facts") if name in RECIPES else None
    if wanted is not None and not isinstance(facts, wanted):
        raise WrongUse(f"--recipe {name}: it is not for {many}; leave it out, or give your own as module:function")
    return function(facts)
