"""What came of a study: its figures as JSON, its drawings as one PNG, and its page."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from plusx.data.files import atomic_write
from plusx.page import Block, Code, Figure, Note, Page, Paragraph, Section, Table
from plusx.page.blocks import Tone
from plusx.page.figures import COLOURS, drawn
from plusx.understand.studies.spread import RULE, VERDICTS, Finding, Row, Status
from plusx.understand.studies.study import Settings, Study

TONES: dict[Status, Tone] = {"shown": "good", "not shown": "warn", "contrary": "bad", "one seed": "plain"}
PNG_DPI, PNG_COLOURS = 80, 96
DIGITS = 5
"""Of the figures in study.json: more would make files large and say nothing."""


@dataclass(frozen=True)
class Outcome:
    """A study that was run.

    Args:
        study: which.
        settings: how.
        data: what the pictures are called; `counts` how many trained and tested, `shape` (channels, height, width).
        rows: its plain numbers.
        duration_s: how long it took.
        command: what does it again.
    """

    study: Study[Any]
    settings: Settings
    data: str
    counts: tuple[int, int]
    shape: tuple[int, int, int]
    rows: list[Row]
    duration_s: float
    command: str

    @property
    def findings(self) -> list[Finding]:
        """What follows from the rows."""
        return self.study.findings(self.rows)

    def summary(self) -> dict[str, Any]:
        """All of it as JSON; the same again for the same settings, but for `duration_s`."""
        return {
            "study": self.study.name,
            "source": self.study.source,
            "command": self.command,
            "data": self.data,
            "train": self.counts[0],
            "test": self.counts[1],
            "shape": list(self.shape),
            "settings": self.settings.model_dump(mode="json"),
            "findings": [finding._asdict() for finding in self.findings],
            "rows": rounded(self.rows),
            "duration_s": round(self.duration_s, 1),
        }


def write(outcome: Outcome, folder: Path) -> None:
    """Writes study.json, study.png and study.html into the folder.

    Raises:
        PlusxError: the page cannot be written.
    """
    with atomic_write(folder / "study.json") as file:
        file.write(as_json(outcome.summary()))
    (folder / "study.png").write_bytes(as_png(outcome.study, outcome.rows))
    page(outcome).write(folder / "study.html")


def rounded(value: Any) -> Any:
    """The same with every float in `DIGITS` significant digits.

    >>> rounded({"a": [0.123456789, 2]})
    {'a': [0.12346, 2]}
    """
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def as_json(summary: dict[str, Any]) -> str:
    """The summary with a line a row, so that two runs can be compared by eye.

    >>> print(as_json({"rows": [{"a": 1}], "data": "digits"}))
    {
     "data": "digits",
     "rows": [
      {"a": 1}
     ]
    }
    <BLANKLINE>
    """
    head = json.dumps({name: value for name, value in summary.items() if name != "rows"}, indent=1)
    rows = ",\n".join(f"  {json.dumps(row)}" for row in summary["rows"])
    return f'{head.removesuffix(chr(10) + "}")},\n "rows": [\n{rows}\n ]\n}}\n'


def as_png(study: Study[Any], rows: Sequence[Row]) -> bytes:
    """The study's drawings side by side, two in a row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Drawing

    panels = study.panels
    across = 2 if len(panels) in (2, 4) else min(3, len(panels))
    down = -(-len(panels) // across)
    figure = Drawing(figsize=(5.4 * across, 3.8 * down), layout="constrained")
    FigureCanvasAgg(figure)
    for place, panel in enumerate(panels, 1):
        axes = figure.add_subplot(down, across, place)
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
        axes.set_prop_cycle(color=COLOURS)
        panel.draw(axes, rows)
    drawing, file = BytesIO(), BytesIO()
    figure.savefig(drawing, format="png", dpi=PNG_DPI)
    # A drawing has few colours, and a file of few is a third as large.
    Image.open(drawing).convert("RGB").quantize(PNG_COLOURS).save(file, format="PNG", optimize=True)
    return file.getvalue()


def page(outcome: Outcome) -> Page:
    """What the paper claimed, what this run showed, and where they differ."""
    study = outcome.study
    counts = {status: sum(finding.status == status for finding in outcome.findings) for status in VERDICTS}
    told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    return Page(
        study.question,
        f"The study {study.name} on {outcome.data}: {len(outcome.findings)} claims tested, {told}.",
        [
            Section("What the paper claimed", [Paragraph(study.claim), Paragraph(f"Source: {study.source}.")]),
            Section("What this run showed", _shown(outcome)),
            Section("The figures", [*_drawings(outcome), _table(outcome)]),
            Section("Where they differ", _differences(outcome)),
            Section("How it was run", _how(outcome)),
        ],
    )


def _shown(outcome: Outcome) -> list[Block]:
    blocks: list[Block] = []
    if outcome.study.answer is not None:
        blocks += [Paragraph(text) for text in outcome.study.answer(outcome.rows)]
    blocks += [
        Note(f"{VERDICTS[finding.status]}: {finding.claim} Measured: {finding.numbers}", TONES[finding.status])
        for finding in outcome.findings
    ]
    return [*blocks, Paragraph(f"Behind ± is the standard deviation over {len(outcome.settings.seeds)} seeds. {RULE}")]


def _drawings(outcome: Outcome) -> list[Block]:
    figures: list[Block] = []
    for panel in outcome.study.panels:
        with drawn(panel.width, panel.height) as (axes, done):
            panel.draw(axes, outcome.rows)
            figures.append(Figure(done(), panel.caption))
    return figures


def _table(outcome: Outcome) -> Table:
    columns, rows = outcome.study.table(outcome.rows)
    return Table(columns, rows, "Mean and standard deviation over the seeds.", numeric=columns[1:])


def _differences(outcome: Outcome) -> list[Block]:
    differ = [finding for finding in outcome.findings if finding.status != "shown"]
    if differ:
        words = [Paragraph(f"{VERDICTS[finding.status]}: {finding.claim}") for finding in differ]
    else:
        words = [Paragraph("All of the claims that were tested were shown in this run.")]
    return [*words, Paragraph(outcome.study.limits)]


def _how(outcome: Outcome) -> list[Block]:
    channels, height, width = outcome.shape
    size = f"{height}x{width}, {'grey' if channels == 1 else 'colour'}"
    described: list[tuple[str, str]] = [
        ("pictures", f"{outcome.counts[0]:,} to train on, {outcome.counts[1]:,} to test on, {size}"),
        ("time", f"{outcome.duration_s:,.0f} s"),
        ("python", sys.version.split()[0]),
        *((name, _in_words(value)) for name, value in outcome.settings.model_dump(mode="json").items()),
    ]
    return [
        Code(outcome.command),
        Paragraph(
            "Networks are of the CIFAR form (arXiv 1512.03385, section 4.2), trained by the recipe paper2015 with the "
            "settings below: SGD with momentum 0.9 and weight decay 0.0001. The rate rises from a tenth during the "
            "first tenth of the training, and is a tenth from its half and a hundredth from three quarters on. "
            "Pictures are not changed, and nothing is chosen by the test error."
        ),
        Table(("setting", "value"), described, "Settings"),
    ]


def _in_words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
