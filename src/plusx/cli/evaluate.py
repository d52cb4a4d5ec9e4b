"""`plusx evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plusx.cli.output import Json, Tta, print_json, say, say_card, shown_card
from plusx.words import percent

WORST_SHOWN = 10
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
}


def evaluate(
    model: Annotated[Path, typer.Argument(help="A .plusx file or a run folder.")],
    data: Annotated[str, typer.Argument(help="As for train; classes are matched by name.")],
    split: Annotated[str, typer.Option(help="train, val or test.", show_default="test, else val, else train")] = "",
    data_dir: Annotated[Path | None, typer.Option(help="Where a known set's files are.")] = None,
    cache: Annotated[bool, typer.Option(help="Keep decoded examples on disk, or decode at each use.")] = True,
    engine: Annotated[str, typer.Option(help="What runs the network.")] = "torch",
    tta: Tta = "none",
    json: Json = False,
) -> None:
    """Score a model on labelled examples."""
    from plusx.api.model import load

    loaded = load(model, engine)
    card = loaded.archive.manifest.card
    say_card(card)
    scores = loaded.evaluate(data, split=split, data_dir=data_dir, cache=cache, tta=tta)
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
    print(f"{'loss':<18} {scores['loss']:.4f}")
    worst = sorted((row for row in scores["per_class"] if row["count"]), key=lambda row: row["f1"])[:WORST_SHOWN]
    print(f"\n{'class (worst F1 first)':<24} {'count':>7} {'precision':>10} {'recall':>10} {'F1':>10}")
    for row in worst:
        figures = " ".join(f"{percent(row[name]):>10}" for name in ("precision", "recall", "f1"))
        print(f"{row['label']:<24} {row['count']:>7,} {figures}")
