"""`--from`: what a training begins from is read once, decides what was not chosen, and is compared with what was."""

from __future__ import annotations

from pathlib import Path

import torch

from plusx.archive import read_archive
from plusx.archive.members import MODEL_FILE
from plusx.data.augment import Crop
from plusx.data.image import ImageSpec
from plusx.data.image_facts import ImageFacts
from plusx.data.modalities import Spec, spec_from_json
from plusx.data.survey import Facts
from plusx.errors import PlusxError, WrongUse
from plusx.model.boxes import SEEING_ALL
from plusx.model.pretrained import read_network
from plusx.model.published import read_origin
from plusx.model.transfer import in_the_zoo, transferable
from plusx.model.zoo import ZOO
from plusx.training.recipe import Recipe
from plusx.training.run import RunFolder
from plusx.training.start import Start, read_start, stored_start
from plusx.training.watch import Watcher

IGNORED = ("modality", "max_pixels", "background")
"""Fields of a preprocessing that hardly any picture meets."""


def find_start(named: str | Path, model: str) -> Start:
    """Reads a start.

    Args:
        named: a model file, a run's folder or the start that is kept in one, or another library's weights as
            `plusx.model.pretrained.load_weights` takes them.
        model: the network of the zoo that such weights belong to; for a model file it may be `auto`.

    Raises:
        WrongUse: nothing is there, or weights without the name of their network.
        PlusxError: it cannot be read.
    """
    origin, path = str(named), Path(named)
    if (run := RunFolder(path.parent)).start == path and (stored := stored_start(run)) is not None:
        return read_start(stored)
    if path.suffix == ".plusx" or (path / MODEL_FILE).exists():
        return _from_archive(origin)
    if path.is_dir() and not (path / "config.json").exists():
        raise WrongUse(f"--from {origin}: a folder without {MODEL_FILE}; give that of a finished run, or a .plusx file")
    if not path.exists() and _means_a_path(path):
        raise WrongUse(f"--from {origin}: no such file or folder")
    if model == "auto":
        raise WrongUse(f"--from {origin}: name the network of these weights, such as --model resnet50")
    try:
        net = read_network(origin, ZOO[model], name=model)
    except WrongUse as error:
        raise WrongUse(f"--from {error}; --model {model} must name the weights' own network") from None
    about = read_origin(origin, model)
    spec = None if about.preprocessing is None else spec_from_json(about.preprocessing)
    return Start(origin, net.state_dict(), net.spec, spec, about.classes, model)


def _from_archive(origin: str) -> Start:
    try:
        archive = read_archive(Path(origin))
    except PlusxError as error:
        raise PlusxError(f"--from {error}") from None
    manifest = archive.manifest
    if manifest.precision != "float32":
        what = f"--from {origin}: an {manifest.precision} model has no weights to begin from"
        raise WrongUse(f"{what}; take the one that it was made of")
    recipe = manifest.provenance.get("recipe")
    model = recipe.get("model", "") if isinstance(recipe, dict) else ""
    return Start(
        origin=origin,
        weights={name: torch.from_numpy(array) for name, array in archive.weights.items()},
        network=manifest.network,
        preprocessing=spec_from_json(manifest.preprocessing),
        classes=manifest.classes,
        model=str(model),
    )


def _means_a_path(path: Path) -> bool:
    # OWNER/NAME is looked for on a hub, unless there is a folder OWNER here, in which it then is missing.
    return path.is_absolute() or len(path.parts) != 2 or path.parent.is_dir()


def facts_as_in(start: Start, facts: Facts) -> Facts:
    """What a set is like once its pictures are prepared as the start's were."""
    spec = start.preprocessing
    if not (isinstance(spec, ImageSpec) and isinstance(facts, ImageFacts)):
        return facts
    return ImageFacts(
        count=facts.count,
        classes=facts.classes,
        height=spec.height,
        width=spec.width,
        same_size=True,
        channels=spec.channels,
        mean=spec.mean,
        std=spec.std,
    )


def as_in(start: Start, recipe: Recipe) -> Recipe:
    """The recipe with the start's network and preprocessing."""
    model, options = in_the_zoo(start.network, start.model)
    reasons = {**recipe.reasons, "model": f"that of {start.origin}"}
    if _inflates(start, recipe):
        options = {**options, "dims": 3}
        reasons["model"] += ", its filters inflated along depth (arXiv 1705.07750)"
    if (head := start.network.get("head")) in SEEING_ALL:
        options["head"] = head
    changes: dict[str, object] = {"model": model, "model_options": options}
    spec = start.preprocessing
    if recipe.model_options.get("head") in SEEING_ALL and head not in SEEING_ALL:
        # What a picture shows as a whole is seen in its middle, at one size; masks and boxes ask for all of it.
        return recipe.model_copy(update={**changes, **_normalised(recipe, spec), "reasons": reasons})
    if isinstance(spec, ImageSpec) and isinstance(recipe.preprocessing, ImageSpec):
        changes |= _sized(recipe, recipe.preprocessing, spec)
        reasons["preprocessing"] = f"as {start.origin} was trained"
    elif spec is not None and spec.modality == recipe.preprocessing.modality:
        changes["preprocessing"] = spec
        reasons["preprocessing"] = f"as {start.origin} was trained"
    return recipe.model_copy(update={**changes, "reasons": reasons})


def _normalised(recipe: Recipe, spec: Spec | None) -> dict[str, object]:
    """The recipe's preprocessing with a start's mean and deviation."""
    if not isinstance(spec, ImageSpec):
        return {}
    kept = spec.model_dump(include={"channels", "mean", "std"})
    return {"preprocessing": recipe.preprocessing.model_copy(update=kept)}


def _sized(recipe: Recipe, before: ImageSpec, spec: ImageSpec) -> dict[str, object]:
    """What in a recipe depends on its pictures' size, for another size."""
    stored = recipe.stored_size
    if stored is not None:
        stored = (round(stored[0] * spec.height / before.height), round(stored[1] * spec.width / before.width))
    augment = tuple(
        one.model_copy(update={"height": spec.height, "width": spec.width}) if isinstance(one, Crop) else one
        for one in recipe.augment
    )
    return {"preprocessing": spec, "stored_size": stored, "augment": augment}


def check_start(start: Start, recipe: Recipe) -> None:
    """Nothing, if the recipe's network can take something of the start; that of pictures is inflated for volumes.

    Raises:
        WrongUse: it cannot.
    """
    spec = recipe.preprocessing
    theirs, ours = start.network["dims"], len(spec.features) - 1
    if theirs != ours and not _inflates(start, recipe):
        raise WrongUse(f"--from {start.origin}: its network is for {theirs} dimensions, these examples have {ours}")
    with torch.device("meta"):
        net = ZOO[recipe.model](**{"in_channels": spec.features[0], **recipe.model_options})
    if not transferable(net, start.weights):
        raise WrongUse(f"--from {start.origin}: none of its layers fits into {recipe.model}; leave out --model")


def _inflates(start: Start, recipe: Recipe) -> bool:
    return start.network["dims"] == 2 and len(recipe.preprocessing.features) - 1 == 3


def note_differences(start: Start | None, recipe: Recipe, watcher: Watcher) -> None:
    """Says where the recipe prepares examples otherwise than those that the start was trained on."""
    if start is None:
        return
    if start.preprocessing is None:
        watcher.note(
            f"{start.origin} does not say how its pictures were prepared; if you know it, --set preprocessing="
        )
    elif found := differences(recipe.preprocessing, start.preprocessing):
        watcher.note(f"prepared otherwise than for {start.origin}, which may cost accuracy: {', '.join(found)}")


def differences(ours: Spec, theirs: Spec) -> list[str]:
    """What differs between two preprocessings.

    >>> differences(ImageSpec(height=32, width=32, channels=1), ImageSpec(height=28, width=32, channels=1))
    ['height 32, there 28']
    """
    here, there = ours.model_dump(mode="json"), theirs.model_dump(mode="json")
    if here["modality"] != there["modality"]:
        return [f"modality {here['modality']}, there {there['modality']}"]
    return [
        f"{name} {_short(here[name])}, there {_short(there[name])}"
        for name in here
        if name not in IGNORED and here[name] != there[name]
    ]


def _short(value: object) -> str:
    return "/".join(f"{one:g}" for one in value) if isinstance(value, list) else str(value)
