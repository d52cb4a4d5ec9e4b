"""Signals as lines whose colour is heat."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from plusx.understand.overlay import colours

MOST_POINTS, MOST_LINES = 1000, 8
GROUND, FAINT = "#14171a", "#7d858d"


def line_picture(
    values: Float[np.ndarray, "time channels"], heat: Float[np.ndarray, " time"], *, signed: bool
) -> UInt8[np.ndarray, "height width 3"]:
    """A line a channel, of eight at most, one under the other; where there is no heat it is grey.

    >>> line_picture(np.zeros((9, 2)), np.linspace(0, 1, 9), signed=False).shape
    (180, 600, 3)
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    kept = slice(None, None, max(1, len(values) // MOST_POINTS))
    values, heat = values[kept, :MOST_LINES], heat[kept]
    lines = values.shape[1]
    figure = Figure(figsize=(6, 0.9 * lines), dpi=100, facecolor=GROUND)
    canvas = FigureCanvasAgg(figure)
    times = np.arange(len(values))
    tints = np.concatenate([colours(heat, signed=signed) / 255, np.clip(np.abs(heat), 0, 1)[:, None]], axis=1)
    for number, line in enumerate(values.T):
        axes: Any = figure.add_axes((0.01, 1 - (number + 0.95) / lines, 0.98, 0.9 / lines))
        axes.set_axis_off()
        axes.plot(times, line, color=FAINT, linewidth=0.8)
        points = np.stack([times, line], axis=1)
        parts = np.stack([points[:-1], points[1:]], axis=1)
        axes.add_collection(LineCollection(list(parts), colors=tints[1:].tolist(), linewidths=2.2))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def line_svg(values: Float[np.ndarray, "time channels"], heat: Float[np.ndarray, " time"], *, signed: bool) -> str:
    """The same as a drawing for a page.

    >>> line_svg(np.zeros((9, 2)), np.linspace(0, 1, 9), signed=False).count("<line ")
    16
    """
    kept = slice(None, None, max(1, len(values) // (MOST_POINTS // 2)))
    values, heat = values[kept, :MOST_LINES], heat[kept]
    tints, dense = colours(heat, signed=signed), np.clip(np.abs(heat), 0, 1)
    across = np.linspace(4, 596, len(values))
    drawn: list[str] = []
    for number, line in enumerate(values.T):
        down = 60 * number + 54 - 48 * (line - line.min()) / max(float(np.ptp(line)), 1e-12)
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{FAINT}" stroke-width="0.8"/>')
        for at in range(1, len(values)):
            ends = f'x1="{across[at - 1]:.1f}" y1="{down[at - 1]:.1f}" x2="{across[at]:.1f}" y2="{down[at]:.1f}"'
            colour = ",".join(map(str, tints[at].tolist()))
            drawn.append(f'<line {ends} stroke="rgb({colour})" stroke-opacity="{dense[at]:.2f}" stroke-width="2.2"/>')
    height = 60 * values.shape[1]
    ground = f'<rect width="600" height="{height}" fill="{GROUND}"/>'
    return f'<svg viewBox="0 0 600 {height}" xmlns="http://www.w3.org/2000/svg">{ground}{"".join(drawn)}</svg>'
