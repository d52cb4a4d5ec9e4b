"""Drawings as SVG whose colours are the page's: light or dark, on screen and on paper."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

COLOURS = ("#2f6fde", "#c85014", "#1f8a5b", "#8a4fc7", "#a0790a", "#c2337a", "#4a7f8c", "#6b6b6b")
"""For lines and areas, one after the other; in the dark each is lighter."""
INK, LINE = "#010203", "#020304"
"""Stand for the text's colour and that of thin lines while matplotlib draws."""
GROUND = "#030405"
"""Stands for the page's ground, for what lies on an area."""
STYLE: Any = {
    "svg.fonttype": "none",
    # Names within the drawing follow from its content, so that the same numbers give the same file.
    "svg.hashsalt": "plusx",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.5,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
}


@contextmanager
def drawn(width: float = 5.0, height: float = 3.2) -> Iterator[tuple[Any, Callable[[], str]]]:
    """Matplotlib's axes to draw on, and what then gives the SVG.

    Args:
        width, height: in inches; a page shows five inches at most as wide as a phone.

    >>> with drawn() as (axes, done):
    ...     _ = axes.plot([1, 2], [3, 4], color=COLOURS[1])
    ...     svg = done()
    >>> svg.startswith("<svg"), "var(--c1" in svg, "currentColor" in svg
    (True, True, True)
    """
    # Here, since it takes half a second, and whoever only trains or predicts needs none.
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.set_prop_cycle(color=COLOURS)

        def done() -> str:
            file = StringIO()
            figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
            return themed(file.getvalue())

        yield axes, done


def themed(svg: str) -> str:
    """An SVG's own element alone, its colours those of the page."""
    svg = svg[svg.index("<svg") :]
    # Numbered ids would be there twice on a page of two drawings; what is referred to has a hash.
    svg = re.sub(r' id="[A-Za-z_ ]+_?\d*"', "", svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    named = {colour: f"var(--c{place})" for place, colour in enumerate(COLOURS)}
    for colour, name in {INK: "currentColor", LINE: "var(--line)", GROUND: "var(--ground)", **named}.items():
        svg = svg.replace(colour, name)
    return svg
