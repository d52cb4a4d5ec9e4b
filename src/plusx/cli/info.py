"""`plusx info`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from plusx.cli.output import Json, print_json
from plusx.words import percent

CLASSES_SHOWN = 20


def info(
    model: Annotated[Path, typer.Argument(help="A .plusx file or a run folder.")],
    json: Json = False,
) -> None:
    """Show what is in a model file."""
    from plusx.archive import read_manifest
    from plusx.tasks import TASKS

    manifest = read_manifest(model)
    if json:
        print_json(
            {
                "classes": list(manifest.classes),
                "spec": manifest.network,
                "preprocessing": manifest.preprocessing,
                "created_with": manifest.created_with,
                "created_at": manifest.created_at,
                "task": manifest.task,
                "format_version": manifest.format_version,
                "provenance": manifest.provenance,
                "card": None if manifest.card is None else manifest.card.model_dump(),
                "files": {name: record.model_dump() for name, record in manifest.files.items()},
            }
        )
        return
    classes = ", ".join(manifest.classes[:CLASSES_SHOWN])
    more = len(manifest.classes) - CLASSES_SHOWN
    kind = TASKS.get(str(manifest.task.get("name")))
    outputs = kind.OUTPUTS if kind else "classes"
    print(
        f"task           {manifest.task['name']}, {len(manifest.classes)} {outputs}: {classes}"
        + (f", and {more} more" if more > 0 else "")
    )
    # What is 0, false or null is a part that the network does not have.
    print(f"network        {', '.join(f'{name}={value}' for name, value in manifest.network.items() if value)}")
    print(f"preprocessing  {', '.join(f'{name}={value}' for name, value in manifest.preprocessing.items())}")
    if manifest.card is not None:
        print(f"card           {manifest.card}")
    metrics: Any = manifest.provenance.get("metrics")
    if isinstance(metrics, dict) and isinstance(metrics.get("val_accuracy"), float):
        measure, value = metrics.get("measure", "accuracy"), metrics["val_accuracy"]
        words = f"{percent(value)} right" if measure == "accuracy" else f"{measure} {value:.3f}"
        print(f"validation     {words} after epoch {metrics['epoch']}")
    data = manifest.provenance.get("data")
    if isinstance(data, dict):
        print(f"trained on     {data['origin']}: {data['train']:,} examples, {data['val']:,} for validation")
    print(
        f"created        {manifest.created_at} with " + ", ".join(f"{k} {v}" for k, v in manifest.created_with.items())
    )
    print(
        f"files          {', '.join(f'{name} {record.size_bytes:,} bytes' for name, record in manifest.files.items())}"
    )
