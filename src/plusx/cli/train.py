"""`plusx train`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plusx.cli.output import Json, print_json, say
from plusx.errors import WrongUse
from plusx.words import percent

if TYPE_CHECKING:
    from plusx.api.folds import CrossValidated
    from plusx.api.train import Trained
    from plusx.tasks import Task


def train(
    data: Annotated[
        str,
        typer.Argument(
            help="A folder of class folders; a CSV, Parquet or JSONL file (path or text, and label, target or mask; "
            "perhaps split); shards; or digits, mnist, ag-news, ..."
        ),
    ],
    task: Annotated[
        str, typer.Option(help="What to ask: classify, multilabel, regress or embed; auto: what the examples say.")
    ] = "auto",
    model: Annotated[str, typer.Option(help="A network of `plusx models`, or auto.")] = "auto",
    recipe: Annotated[
        str, typer.Option(help="images, fine_tune, cifar, ..., or your own as module:function.", show_default=False)
    ] = "auto",
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Begin from a .plusx file, a run's folder, or torchvision/NAME, timm/NAME, ...",
        ),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Learn its answers too: a .plusx file or a run's folder, same classes."),
    ] = None,
    freeze: Annotated[
        int | None, typer.Option(metavar="STAGES", help="Stages from the stem on that keep their weights.")
    ] = None,
    balance: Annotated[
        str | None, typer.Option(help="For classes of unequal size: none, sampling, weights or logits.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one value of the recipe, e.g. optimizer.lr=0.05."),
    ] = None,
    epochs: Annotated[
        float | None, typer.Option(help="How often each example is seen; short for --set epochs=.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="The time it may take, such as 30s, 5m or 2h; network and epochs follow.")
    ] = None,
    lr: Annotated[str | None, typer.Option(help="The optimiser's peak rate, or auto: from a range test.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Decides first weights, order and augmentation; short for --set seed=.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Train so many times, each validated on another part of the examples.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder.", show_default="a new one under runs/")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out after its last checkpoint.")
    ] = False,
    track: Annotated[
        list[str] | None, typer.Option(metavar="TOOL", help="Tell the figures to tensorboard, mlflow or wandb too.")
    ] = None,
    intended_use: Annotated[
        str, typer.Option(metavar="TEXT", help="What the model is for: shown with its answers, with --limits.")
    ] = "",
    limits: Annotated[str, typer.Option(metavar="TEXT", help="What it must not be used for, and where it fails.")] = "",
    contact: Annotated[str, typer.Option(metavar="TEXT", help="Whom to ask about the model.")] = "",
    data_dir: Annotated[Path | None, typer.Option(help="Where a known set's files are.")] = None,
    modality: Annotated[
        str, typer.Option(help="Which kind of files to read, where there are several.", show_default=False)
    ] = "auto",
    val_fraction: Annotated[
        float, typer.Option(help="The share held out for validation where there is no val split.")
    ] = 0.1,
    max_skipped: Annotated[str, typer.Option(help="The most unreadable examples to go on with.")] = "5%",
    report: Annotated[bool, typer.Option(help="Write the run's page, report.html.")] = True,
    cache: Annotated[bool, typer.Option(help="Keep decoded examples on disk, or decode at each use.")] = True,
    checkpoint_every: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Time between checkpoints.", show_default="30, or for 1 % of the time"),
    ] = None,
    json: Json = False,
) -> None:
    """Train a residual network on labelled examples."""
    changes = dict(_key_and_value(text) for text in set_ or [])
    find_lr = lr == "auto"
    short = {
        "epochs": epochs,
        "optimizer.lr": None if find_lr else lr,
        "seed": seed,
        "frozen": freeze,
        "balance": balance,
    }
    changes |= {name: str(value) for name, value in short.items() if value is not None}
    share = _share(max_skipped)

    from plusx.api.folds import CrossValidated, cross_validate
    from plusx.api.train import train as train_once
    from plusx.cli.progress import watching
    from plusx.training.budget import seconds_of
    from plusx.training.launched import leads

    work = train_once if folds is None else partial(cross_validate, folds=folds)
    with watching() as watcher:
        done = work(
            data,
            out=out,
            resume=resume,
            watcher=watcher,
            task=task,
            model=model,
            recipe=recipe,
            start=from_,
            teacher=teacher,
            changes=changes,
            data_dir=data_dir,
            modality=modality,
            val_fraction=val_fraction,
            max_skipped=share,
            budget_s=None if budget is None else seconds_of(budget),
            find_lr=find_lr,
            track=tuple(track or ()),
            intended_use=intended_use,
            limits=limits,
            contact=contact,
            report=report,
            cache=cache,
            checkpoint_every_s=checkpoint_every,
        )
    if not leads():
        return
    _say_folds(done) if isinstance(done, CrossValidated) else _say_run(done)
    if json:
        print_json(done.summary())


def _say_run(trained: Trained) -> None:
    task = _task(trained)
    say(f"val:   {task.verdict(trained.val)}")
    if trained.test:
        say(f"test:  {task.verdict(trained.test)}")
    say(f"model: {trained.model}, after {trained.duration_s:.1f} s")
    if trained.report is not None:
        say(f"page:  {trained.report}")


def _say_folds(done: CrossValidated) -> None:
    for words, scores in (("val: ", done.val), ("test:", done.test)):
        if scores:
            of_all = ", ".join(_spread_words(name, scores) for name in done.judged_by if name in scores)
            say(f"{words}  {of_all}, mean and standard deviation of {len(done.folds)} folds")
    say(f"each by the network that never saw it: {_task(done.folds[0]).verdict(done.out_of_fold)}")
    say(f"runs:  {done.run}, after {done.duration_s:.1f} s")


def _spread_words(name: str, scores: dict[str, float]) -> str:
    if name == "accuracy":
        return f"{percent(scores[name])} ± {percent(scores[f'{name}_std'])}"
    return f"{name} {scores[name]:.4g} ± {scores[f'{name}_std']:.2g}"


def _task(trained: Trained) -> Task:
    from plusx.archive import read_manifest
    from plusx.tasks import task_from_json

    return task_from_json(read_manifest(trained.model).task)


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
