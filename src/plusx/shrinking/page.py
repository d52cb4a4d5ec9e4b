"""The page of a shrinking: what was found, drawn by speed and score, and how each point was made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plusx.page import Figure, Note, Page, Paragraph, Section, Table
from plusx.page.figures import COLOURS, drawn
from plusx.shrinking.pareto import by_speed, front
from plusx.shrinking.points import Point


def shrink_page(
    points: Sequence[Point], chosen: Point, least_score: float, task: Any, verdict: Sequence[str], data: str
) -> Page:
    """The page.

    Args:
        points: what was found; the first is the model that was given.
        chosen: of these.
        least_score: what is good enough.
        task: of the model.
        verdict: what came of it, in lines; the last one says how fast it is.
        data: what it was measured on.
    """
    main = task.JUDGED_BY[0]
    best = {point.name for point in front(points)}
    first = points[0]
    rows = [
        [
            point.name + (" ★" if point is chosen else ""),
            point.made,
            abs(point.score),
            round(point.latency_ms, 3),
            round(point.per_second),
            round(point.per_second / first.speeds["torch"].per_second, 1),
            point.engine,
            round(point.size_bytes / 1e6, 3),
            "yes" if point.name in best else "",
        ]
        for point in points
    ]
    columns = ("point", "made", main, "ms, one", "a second", "times torch", "engine", "MB", "front")
    numeric = (main, "ms, one", "a second", "times torch", "MB")
    caption = (
        "Chosen by the val split; ★ is model.plusx. Times torch: over the given model in PyTorch. All points were "
        "measured in turn, at the end."
    )
    blocks = [
        Figure(pareto_svg(points, chosen, least_score, task), f"{main} on the val split by examples a second."),
        Table(columns, rows, caption, numeric=numeric),
        Paragraph("Each point lies in points/NN with its steps in point.json; --from-point makes it again."),
    ]
    return Page(
        f"{Path(data).name}: shrunk",
        verdict[-1] + ".",
        [
            Section("What came of it", [Note(line) for line in verdict]),
            Section("What was found", blocks),
        ],
    )


def pareto_svg(points: Sequence[Point], chosen: Point, least_score: float, task: Any) -> str:
    """Points by speed and score; the front is joined, the chosen one ringed."""
    sign = -1 if task.FALLS else 1
    percent = 100 if all(0 <= sign * point.score <= 1 for point in points) else 1
    with drawn(5.4, 3.6) as (axes, done):
        for kind, colour, own in (
            ("float", COLOURS[0], [point for point in points if not point.int8]),
            ("int8", COLOURS[1], [point for point in points if point.int8]),
        ):
            if own:
                axes.scatter(
                    [p.per_second for p in own], [sign * percent * p.score for p in own], s=26, color=colour, label=kind
                )
        edge = by_speed(points)
        axes.plot([p.per_second for p in edge], [sign * percent * p.score for p in edge], color=COLOURS[7], linewidth=1)
        axes.scatter(
            [chosen.per_second], [sign * percent * chosen.score], s=130, facecolors="none", edgecolors=COLOURS[2]
        )
        axes.axhline(sign * percent * least_score, color=COLOURS[3], linestyle="--", linewidth=0.9, label="good enough")
        for point in points:
            axes.annotate(
                point.name,
                (point.per_second, sign * percent * point.score),
                xytext=(4, 4),
                textcoords="offset points",
                fontsize=7,
            )
        axes.set_xscale("log")
        axes.set_xlabel("examples a second, fastest engine")
        axes.set_ylabel(f"{task.JUDGED_BY[0]} on val" + (", %" if percent == 100 else ""))
        if task.FALLS:
            axes.invert_yaxis()
        axes.legend(loc="lower left")
        return done()
