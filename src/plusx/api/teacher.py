"""`--teacher`: what a training learns from beside its labels, compared with what it learns on."""

from __future__ import annotations

from pathlib import Path

from plusx.api.model import load
from plusx.api.start import differences
from plusx.archive import Archive
from plusx.data.modalities import spec_from_json
from plusx.data.samples import Samples
from plusx.errors import PlusxError, WrongUse
from plusx.tasks import task_for
from plusx.training.recipe import Recipe
from plusx.training.watch import Watcher

SIZES = ("height", "width", "channels", "sizes")
# Each network normalises for itself.
NORMALISING = ("mean", "std")


def find_teacher(named: str | Path) -> Archive:
    """Reads a teacher: a `.plusx` file or a run's folder.

    Raises:
        PlusxError: it cannot be read, or does not answer as it did in training.
    """
    try:
        return load(named).archive
    except PlusxError as error:
        raise type(error)(f"--teacher {error}") from None


def check_teacher(teacher: Archive, named: str | Path, recipe: Recipe, samples: Samples) -> None:
    """Nothing, if the teacher can answer the recipe's batches of these examples.

    Raises:
        WrongUse: it has other classes, another task, or examples of another kind or size.
    """
    manifest = teacher.manifest
    if not task_for(samples).CLASSES:
        raise WrongUse(f"--teacher {named}: it teaches by its classes' scores, and these examples ask for none")
    if manifest.task["name"] != task_for(samples).name:
        raise WrongUse(f"--teacher {named}: its task is {manifest.task['name']}, that of these examples another one")
    if other := sorted(set(manifest.classes) ^ set(samples.classes)):
        whose = "it does not know" if other[0] in samples.classes else "these examples lack"
        raise WrongUse(f"--teacher {named}: {whose} the class {other[0]}; both must have the same classes")
    theirs, ours = spec_from_json(manifest.preprocessing), recipe.preprocessing
    if theirs.modality != ours.modality:
        raise WrongUse(f"--teacher {named}: it is for {theirs.modality}s, these examples are {ours.modality}s")
    if theirs.shape != ours.shape:
        wanted, here = theirs.model_dump(mode="json"), ours.model_dump(mode="json")
        names = [name for name in SIZES if wanted.get(name) != here.get(name)]
        # A channel more has a mean and a deviation more.
        names += list(NORMALISING) if theirs.shape[0] != ours.shape[0] else []
        mend = " ".join(f"--set preprocessing.{name}={_json(wanted[name])}" for name in names)
        raise WrongUse(f"--teacher {named}: its examples have another size; {mend}")


def note_other_preparation(teacher: Archive | None, named: str | Path | None, recipe: Recipe, watcher: Watcher) -> None:
    """Says where the teacher meets examples that are prepared otherwise than those that it was trained on."""
    if teacher is None:
        return
    theirs = spec_from_json(teacher.manifest.preprocessing)
    # Bytes of texts are not normalised.
    own = {name: getattr(theirs, name) for name in NORMALISING if name in type(theirs).model_fields}
    found = differences(recipe.preprocessing.model_copy(update=own), theirs)
    if found:
        watcher.note(f"prepared otherwise than for the teacher {named}: {', '.join(found)}")


def _json(value: object) -> str:
    return str(value).replace(" ", "")
