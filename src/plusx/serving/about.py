"""What people and programs are told of a model, and nothing that is private to the machines that made or serve it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from plusx.archive import Manifest
from plusx.data.modalities import MODALITIES
from plusx.serving.held import Held
from plusx.serving.maps import why_none
from plusx.tasks import TASKS


def about(held: Held) -> dict[str, Any]:
    """A model's description: what it answers, how well, and which version of it."""
    version = held.now
    manifest, spec = version.archive.manifest, version.answer.spec
    kind = MODALITIES[spec.modality]
    return {
        "name": held.name,
        "version": str(version.number),
        "engine": version.batcher.name,
        "precision": manifest.precision,
        "task": manifest.task["name"],
        "modality": spec.modality,
        "one": kind.one,
        "many": kind.many,
        "extensions": list(kind.extensions),
        "input": spec.words,
        "outputs": TASKS[str(manifest.task["name"])].OUTPUTS,
        "classes": list(manifest.classes),
        "preprocessing": manifest.preprocessing,
        "card": None if manifest.card is None else manifest.card.model_dump(),
        "measured": measured(manifest),
        "data": trained_on(manifest),
        "epochs": epochs(manifest),
        "size_bytes": sum(record.size_bytes for record in manifest.files.values()),
        "no_heat": why_none(manifest),
        "created_at": manifest.created_at,
        "created_with": manifest.created_with,
        "loaded_at": version.loaded_at,
        "trouble": None if held.trouble is None else without_place(held.trouble, held.path),
    }


def measured(manifest: Manifest) -> dict[str, Any] | None:
    """The model's score: what was measured, its value, on which split, of how many examples; None where it says
    nothing."""
    metrics, data = (manifest.provenance.get(name) for name in ("metrics", "data"))
    value = metrics.get("val_accuracy") if isinstance(metrics, dict) else None
    if not isinstance(metrics, dict) or not isinstance(value, int | float):
        return None
    count = data.get("val") if isinstance(data, dict) else None
    return {"measure": metrics.get("measure", "accuracy"), "value": value, "split": "validation", "count": count}


def epochs(manifest: Manifest) -> float | None:
    """How often the training saw its examples; None where the model does not say."""
    metrics = manifest.provenance.get("metrics")
    value = metrics.get("epoch") if isinstance(metrics, dict) else None
    return value if isinstance(value, int | float) else None


def trained_on(manifest: Manifest) -> dict[str, Any] | None:
    """The training's data: its last name, and how many examples each split has.

    Where it lay says nothing to others, and may say who trained it.
    """
    data = manifest.provenance.get("data")
    if not isinstance(data, dict):
        return None
    counts = {split: data[split] for split in ("train", "val", "test") if isinstance(data.get(split), int)}
    return {"name": _last(str(data.get("origin", ""))), **counts}


def _last(place: str) -> str:
    """A path's or an address' last part, of any system.

    >>> [_last(place) for place in ("mnist", "/home/ann/digits/", "C:\\\\Users\\\\Ann\\\\list.csv", "s3://bucket/cats?k=1")]
    ['mnist', 'digits', 'list.csv', 'cats']
    """
    place = place.partition("?")[0]
    name = PurePosixPath(place).name if "\\" not in place else PureWindowsPath(place).name
    # An address without a path ends with its machine, before which a password may stand.
    return name.rpartition("@")[2] if "://" in place else name


def without_place(text: str, path: Path | None) -> str:
    """A message without the folders of the file that it is about.

    >>> without_place("/srv/models/cats.plusx: is damaged", Path("/srv/models/cats.plusx"))
    'cats.plusx: is damaged'
    """
    if path is None:
        return text
    folders = {f"{each}/" for each in (path, path.parent, path.resolve(), path.resolve().parent) if each != Path(".")}
    for folder in sorted(folders, key=len, reverse=True):
        text = text.replace(folder, "")
    return text
