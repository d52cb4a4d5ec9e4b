"""How a model file is refused: one line that names the file, what is wrong with it, and the mend."""

from pathlib import Path

from plusx.errors import PlusxError

COPY_AGAIN = "copy it again from where it was made"
MAKE_AGAIN = "train or export it again with plusx"

_LONGEST = 300


class BadArchive(PlusxError):
    """A model file that cannot be read, is not what it says it is, or cannot be written as asked.

    >>> str(refusal(Path("cat.plusx"), "is cut short", COPY_AGAIN))
    'cat.plusx: is cut short; copy it again from where it was made'
    """


def refusal(path: Path, what: str, mend: str) -> BadArchive:
    """The error to raise: always one printable line, whatever a hostile file put into its names.

    >>> str(refusal(Path("cat.plusx"), "holds 'a\\nb'", MAKE_AGAIN))
    "cat.plusx: holds 'a\\\\nb'; train or export it again with plusx"
    """
    return BadArchive(f"{_printable(str(path))}: {_shortened(_printable(what))}; {mend}")


def _shortened(text: str) -> str:
    # A hostile file's names may be long; what is wrong with them stands before or behind them.
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]}…{text[-half:]}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
