"""What a tracker is: one run in one tool that keeps figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Protocol

from plusx.data.files import atomic_write

Parameter = str | int | float | bool


class Tracker(Protocol):
    """One run in one tool. A call may fail with anything; the training goes on without the tracker."""

    needs: ClassVar[tuple[str, ...]]
    """The packages that it imports, once it is made."""

    def __init__(self, run: Path, parameters: Mapping[str, Parameter]) -> None:
        """Opens or continues the run that this folder is kept as."""
        ...

    def resume(self, step: int) -> int:
        """Makes ready for rows from `step` on; gives the step of the last row that need not be told again, or 0."""
        ...

    def row(self, step: int, figures: Mapping[str, float]) -> None:
        """Figures after a step."""
        ...

    def finish(self, step: int, figures: Mapping[str, float]) -> None:
        """The final figures, which may be told a second time."""
        ...

    def close(self, failed: bool) -> None:
        """Nothing comes any more in this process."""
        ...


def kept(path: Path, make: Callable[[], str]) -> str:
    """The text that `path` holds; where there is none, what `make` gives, which it holds from then on.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kept(Path(folder, "a", "id"), lambda: "1"), kept(Path(folder, "a", "id"), lambda: "2")
    ('1', '1')
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return keep(path, make())


def keep(path: Path, text: str) -> str:
    """Makes `path` hold a text; gives it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(text)
    return text
