"""Whether answers are as sure as they are right."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from plusx.page import Figure, Paragraph, Section
from plusx.page.figures import COLOURS, INK, drawn
from plusx.tasks.classify import CALIBRATION_BINS, Classify, calibration_error, reliability
from plusx.words import percent


def calibration_section(
    task: Classify, outputs: Float[np.ndarray, "count classes"], targets: Int[np.ndarray, " count"]
) -> Section:
    """The reliability diagram, with the temperature that validation chose and without."""
    plain = Classify()
    errors = [calibration_error(one.probabilities(outputs), targets) for one in (plain, task)]
    words = (
        f"Of answers that are 80 % sure, 80 % should be right. Outputs are divided by {task.temperature:g} before they "
        f"become probabilities, which the validation split chose (arXiv 1706.04599): the expected calibration error is "
        f"{percent(errors[1])}, without the temperature it is {percent(errors[0])}."
    )
    caption = (
        f"How often answers are right by how sure they are, in {CALIBRATION_BINS} bins; the larger a point, the more "
        "answers. On the line both are equal, below it answers are too sure."
    )
    figure = Figure(reliability_svg(plain.probabilities(outputs), task.probabilities(outputs), targets), caption)
    return Section("How sure it is", [Paragraph(words), figure])


def reliability_svg(
    plain: Float[np.ndarray, "count classes"],
    scaled: Float[np.ndarray, "count classes"],
    targets: Int[np.ndarray, " count"],
) -> str:
    with drawn(4.4, 3.8) as (axes, done):
        axes.plot([0, 100], [0, 100], color=INK, linewidth=0.8, alpha=0.5)
        for probabilities, colour, name in (
            (plain, COLOURS[1], "without a temperature"),
            (scaled, COLOURS[0], "as it answers"),
        ):
            sure, right, count = reliability(probabilities, targets).T
            sizes = 8 + 110 * np.sqrt(count / count.sum())
            axes.scatter(100 * sure, 100 * right, s=sizes, color=colour, alpha=0.75, linewidths=0, label=name)
        axes.set_xlim(0, 102)
        axes.set_ylim(0, 102)
        axes.set_xlabel("how sure, %")
        axes.set_ylabel("how often right, %")
        axes.legend(loc="upper left")
        return done()
