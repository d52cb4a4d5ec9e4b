"""Errors that a person can cause: one line that names the file or flag at fault, and the mend."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class PlusxError(Exception):
    """The work failed. Its text is one line, made to be shown as it is.

    >>> PlusxError("cat.jpg: the file is cut short; copy it again").exit_code
    1
    """

    exit_code = 1


class WrongUse(PlusxError, ValueError):
    """A wrong flag, name or value, found before any work began.

    >>> WrongUse("--model resnet19: no such network; the nearest is resnet18").exit_code
    2
    """

    exit_code = 2


def nearest(wrong: str, right: Sequence[str]) -> str:
    """A hint that names what was probably meant: for the end of an error's line; empty where nothing is near.

    >>> nearest("resnet19", ["resnet18", "wrn16_4"])
    '; did you mean resnet18?'
    >>> nearest("zebra", ["resnet18"])
    ''
    """
    near = get_close_matches(wrong, right, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def in_one_line(error: ValidationError, what: str, fields: Sequence[str] = ()) -> str:
    """The first thing that pydantic found wrong with `what`, as a person would say it.

    `fields` are the right names, from which the nearest is proposed.

    >>> from pydantic import BaseModel, ValidationError
    >>> class Rate(BaseModel, extra="forbid"):
    ...     lr: float = 0.1
    >>> try:
    ...     Rate(lrr=0.1)
    ... except ValidationError as error:
    ...     in_one_line(error, "Rate", list(Rate.model_fields))
    'Rate: there is no lrr; did you mean lr?'
    """
    errors = error.errors(include_url=False)
    # A union reports each of its members, by names that are no words; the deepest is the one that was meant.
    field = [one for one in errors if one["loc"][:1] == errors[0]["loc"][:1]]
    first = max(field, key=lambda one: len(one["loc"]))
    where = ".".join(str(part) for part in first["loc"] if re.fullmatch(r"\w+", str(part)))
    if first["type"] == "extra_forbidden":
        return f"{what}: there is no {where}{nearest(str(first['loc'][-1]), fields)}"
    text = first["msg"].removeprefix("Value error, ")
    value = " ".join(repr(first["input"]).split())
    return f"{what}: {where}: {text} (it is {value})" if where else f"{what}: {text}"
