"""What a model is for and where it fails, in its maker's words: stored in the model, shown with its answers."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


def _one_line(text: str) -> str:
    # It is shown on terminals, and a model file comes from anywhere.
    if not text.isprintable():
        raise ValueError("it must be one line of printable text")
    return text


Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000), AfterValidator(_one_line)
]


class Card(BaseModel):
    """A model's card.

    Args:
        intended_use: what it was made for.
        limits: what it must not be used for, and where it is known or suspected to fail.
        contact: whom to ask; None where nobody was named.

    Raises:
        pydantic.ValidationError: an empty text, one of more than 1,000 letters or of several lines, or an unknown key.

    >>> str(Card(intended_use="sorting practice scans", limits="no diagnosis; scans of one hospital"))
    'intended use: sorting practice scans; limits: no diagnosis; scans of one hospital'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    intended_use: Line
    limits: Line
    contact: Line | None = None

    def __str__(self) -> str:
        contact = "" if self.contact is None else f"; contact: {self.contact}"
        return f"intended use: {self.intended_use}; limits: {self.limits}{contact}"
