"""A page as one HTML file: no outside assets, no scripts; light and dark, phone, desk and paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plusx.data.files import atomic_write
from plusx.errors import PlusxError
from plusx.page.blocks import Section

if TYPE_CHECKING:
    from jinja2 import Template

ROWS_SHOWN = 25
"""Of a longer table the rest is folded away."""


@dataclass(frozen=True)
class Page:
    """A title, a few words of what follows, and sections.

    >>> from plusx.page import Paragraph
    >>> "y = F(x) + x" in Page("Idea", "In short.", [Section("The sum", [Paragraph("y = F(x) + x")])]).html()
    True
    """

    title: str
    lede: str
    sections: Sequence[Section]

    def html(self) -> str:
        """The whole page. Its policy allows no script and no address, whatever labels and names may say."""
        return _template().render(page=self, shown=ROWS_SHOWN)

    def write(self, path: Path) -> None:
        """Writes it, whole or not at all.

        Raises:
            PlusxError: the file cannot be written.
        """
        try:
            with atomic_write(path) as file:
                file.write(self.html())
        except OSError as error:
            raise PlusxError(f"{path}: the page cannot be written: {error.strerror}") from error


@cache
def _template() -> Template:
    # Here, since whoever only trains or predicts needs no templates.
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=PackageLoader("plusx.page", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = shown_cell
    return environment.get_template("page.html.jinja")


def shown_cell(value: Any) -> str:
    """A cell's words.

    >>> [shown_cell(value) for value in (None, 12345, 0.123456, "a", 1e-9, True)]
    ['–', '12,345', '0.1235', 'a', '1e-09', 'True']
    """
    if value is None:
        return "–"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
