"""`plusx train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plusx.cli.output import Json, percent, print_json, say
from plusx.errors import WrongUse


def train(
    data: Annotated[
        str,
        typer.Argument(
            help="A folder of class folders, a CSV or Parquet file (path,label[,split]), or digits, mnist, ..."
        ),
    ],
    model: Annotated[str, typer.Option(help="A network of `plusx models`, or auto.")] = "auto",
    recipe: Annotated[str, typer.Option(help="images, cifar, or your own as module:function.")] = "images",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one value of the recipe, e.g. optimizer.lr=0.05."),
    ] = None,
    epochs: Annotated[
        float | None, typer.Option(help="How often each picture is seen; short for --set epochs=.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Decides first weights, order and augmentation; short for --set seed=.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder.", show_default="a new one under runs/")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out after its last checkpoint.")
    ] = False,
    data_dir: Annotated[Path | None, typer.Option(help="Where a known set's files are.")] = None,
    val_fraction: Annotated[
        float, typer.Option(help="The share held out for validation where there is no val split.")
    ] = 0.1,
    max_skipped: Annotated[str, typer.Option(help="The most unreadable pictures to go on with.")] = "5%",
    cache: Annotated[bool, typer.Option(help="Keep decoded pictures on disk, or decode at each use.")] = True,
    checkpoint_every: Annotated[float, typer.Option(metavar="SECONDS", help="Time between checkpoints.")] = 30.0,
    json: Json = False,
) -> None:
    """Train a residual network on labelled pictures."""
    changes = dict(_key_and_value(text) for text in set_ or [])
    for name, value in (("epochs", epochs), ("seed", seed)):
        if value is not None:
            changes[name] = str(value)
    share = _share(max_skipped)

    from plusx.api.train import train as run_training
    from plusx.cli.progress import watching

    with watching() as watcher:
        trained = run_training(
            data,
            out=out,
            resume=resume,
            watcher=watcher,
            model=model,
            recipe=recipe,
            changes=changes,
            data_dir=data_dir,
            val_fraction=val_fraction,
            max_skipped=share,
            cache=cache,
            checkpoint_every_s=checkpoint_every,
        )
    say(f"val:   {percent(trained.val['accuracy'])} of {trained.val['count']:,} pictures right")
    if trained.test:
        say(f"test:  {percent(trained.test['accuracy'])} of {trained.test['count']:,} pictures right")
    say(f"model: {trained.model}, after {trained.duration_s:.1f} s")
    if json:
        print_json(
            {
                "run": str(trained.run),
                "model": str(trained.model),
                "duration_s": round(trained.duration_s, 3),
                "val": trained.val,
                "test": trained.test,
            }
        )


def _key_and_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise WrongUse(f"--set {text}: it must be KEY=VALUE, such as optimizer.lr=0.05")
    return key, value


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise WrongUse(f"--max-skipped {text}: it must be a share such as 5% or 0.05")
    return share
