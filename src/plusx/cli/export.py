"""`plusx export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plusx.cli.output import Json, print_json, say


def export(
    model: Annotated[Path, typer.Argument(help="A .plusx file or a run folder.")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="onnx, openvino, torch-export, torchvision, web, model-repository, or plusx with its graph inside.",
        ),
    ] = "onnx",
    out: Annotated[
        Path | None, typer.Option(help="The file or folder to write.", show_default="beside the model")
    ] = None,
    maps: Annotated[bool, typer.Option("--maps", help="Class-activation maps as one more output.")] = False,
    runtime: Annotated[
        Path | None, typer.Option(help="For web: the folder of the npm package onnxruntime-web.", metavar="FOLDER")
    ] = None,
    json: Json = False,
) -> None:
    """Write a model in a format that other programs run, and prove that it answers as it did in training."""
    from plusx.api.export import export as write
    from plusx.engines.targets import find_target

    exported = write(model, to, out, maps=maps, runtime=runtime)
    names = " and ".join(str(path) for path in exported.files)
    say(f"{names}: {find_target(to).WHAT}; {exported.size_bytes:,} bytes")
    say(
        f"answers as the training did: golden outputs differ by {exported.difference:.1g} of their scale "
        f"(at most {exported.tolerance:g}), {exported.agreement:.0%} have their largest value at the same place"
    )
    if json:
        print_json(exported.summary())
