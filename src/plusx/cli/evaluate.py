"""`plusx evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from plusx.cli.output import Beam, Json, Lm, Threshold, Tta, print_json, say, say_card, shown_card
from plusx.words import percent

WORST_SHOWN = 10
EVALUATED = "evaluated.html"
SHARES = {
    "accuracy": "accuracy",
    "top5": "top-5",
    "pixel_accuracy": "of all pixels",
    "mean_iou": "mean IoU",
    "mean_dice": "mean Dice",
    "boundary_f": "boundary F",
    "calibration_error": "calibration error",
    "hamming_loss": "hamming loss",
    "f1_micro": "F1, micro",
    "f1_macro": "F1, macro",
    "mean_average_precision": "average precision",
    "knn5": "5 nearest, vote",
    "recall5": "recall at 5",
    "recall10": "recall at 10",
    "coverage": "in their intervals",
    "map": "mAP, 0.5 to 0.95",
    "ap50": "AP at 0.5",
    "ap75": "AP at 0.75",
    "ar100": "recall, 100 boxes",
    "found": "boxes found",
    "wer": "word error rate",
    "cer": "character errors",
}
NUMBERS = {"mae": "mean abs. error", "rmse": "RMS error", "r2": "R²", "width": "interval width", "loss": "loss"}

CLASS_FIGURES = {"precision": "precision", "recall": "recall", "f1": "F1", "ap50": "AP50", "ap": "AP"}


def evaluate(
    model: Annotated[Path, typer.Argument(help="A .plusx file or a run folder.")],
    data: Annotated[str, typer.Argument(help="As for train; classes are matched by name.")],
    split: Annotated[str, typer.Option(help="train, val or test.", show_default="test, else val, else train")] = "",
    data_dir: Annotated[Path | None, typer.Option(help="Where a known set's files are.")] = None,
    cache: Annotated[bool, typer.Option(help="Keep decoded examples on disk, or decode at each use.")] = True,
    engine: Annotated[
        str | None,
        typer.Option(
            help="What runs the network: torch, onnx, openvino, or auto for the fastest.",
            show_default="torch, or what the model carries a graph for",
        ),
    ] = None,
    tta: Tta = "none",
    threshold: Threshold = None,
    beam: Beam = None,
    lm: Lm = None,
    report: Annotated[
        Path | None, typer.Option(help="Write a page about it.", show_default="of a run's folder one beside its own")
    ] = None,
    corruptions: Annotated[
        bool,
        typer.Option("--corruptions", help="Also score pictures as noise, blur, weather, compression leave them."),
    ] = False,
    limit: Annotated[
        int | None, typer.Option(help="How many examples are corrupted, evenly taken.", show_default="1000")
    ] = None,
    json: Json = False,
) -> None:
    """Score a model on labelled examples."""
    from plusx.api.model import load

    loaded = load(model, engine, say=say)
    if threshold is not None:
        loaded = loaded.at(threshold)
    card = loaded.archive.manifest.card
    say_card(card)
    report = report or (model / EVALUATED if model.is_dir() else None)
    scores = loaded.evaluate(
        data,
        split=split,
        data_dir=data_dir,
        cache=cache,
        tta=tta,
        beam=beam,
        lm=lm,
        report=report,
        corruptions=corruptions,
        limit=limit,
        on_progress=lambda name, done, count: say(f"corrupted: {name}, {done} of {count}"),
    )
    if report is not None:
        say(f"report: {report}")
    if json:
        print_json({**scores, **shown_card(card)})
        return
    for skipped in scores["skipped_because"]:
        say(f"skipped {skipped['name']}: {skipped['reason']}")
    print(f"split              {scores['split']}, {scores['count']:,} examples")
    if "tta" in scores:
        print(f"views              {tta}")
    for name, words in SHARES.items():
        if name in scores:
            print(f"{words:<18} {percent(scores[name])}")
    for name, words in NUMBERS.items():
        if name in scores:
            print(f"{words:<18} {scores[name]:.4f}")
    if "per_class" in scores:
        _show_classes([row for row in scores["per_class"] if row["count"]])
    if len(scores.get("per_target", ())) > 1:
        _show_targets(scores["per_target"])
    if corruptions:
        _show_corruptions(scores)


def _show_classes(rows: list[dict[str, Any]]) -> None:
    """A table of the worst classes, by the last of `CLASS_FIGURES` that each has."""
    names = [name for name in CLASS_FIGURES if name in rows[0]]
    print(f"\n{f'class (worst {CLASS_FIGURES[names[-1]]} first)':<24} {'count':>7}", end="")
    print("".join(f" {CLASS_FIGURES[name]:>10}" for name in names))
    for row in sorted(rows, key=lambda row: row[names[-1]])[:WORST_SHOWN]:
        figures = " ".join(f"{percent(row[name]):>10}" for name in names)
        print(f"{row['label']:<24} {row['count']:>7,} {figures}")


def _show_targets(rows: list[dict[str, Any]]) -> None:
    names = [name for name in rows[0] if name != "label"]
    print(f"\n{'target':<24}" + "".join(f" {name:>10}" for name in names))
    for row in rows:
        print(f"{row['label']:<24}" + "".join(f" {row[name]:>10.4g}" for name in names))


def _show_corruptions(scores: dict[str, Any]) -> None:
    """A row a corruption, a column a severity."""
    score, tables = scores["corruption_score"], scores["corruptions"]
    words, form = (SHARES[score], percent) if score in SHARES else (NUMBERS[score], "{:.4g}".format)
    print(f"\n{words} of {scores['corruption_count']:,} of {scores['count']:,} examples, corrupted; severities 1 to 5")
    print(f"{'corruption':<18}" + "".join(f" {column:>9}" for column in next(iter(tables.values()))))
    for name, row in tables.items():
        print(f"{name:<18}" + "".join(f" {form(value):>9}" for value in row.values()))
    print(f"{'clean':<18} {form(scores['corruption_clean']):>9}")
    print(f"{'mean of all':<18} {form(scores['corruption_mean']):>9}")
    print(f"{'worst':<18} {form(scores['corruption_worst']):>9} {scores['corruption_worst_name']}")
