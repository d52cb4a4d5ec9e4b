"""Every kind of example: its spec says how bytes become numbers. A new kind is one file and a line here."""

from typing import Annotated, Any

from pydantic import Field, ValidationError

from plusx.data.array import ArraySpec
from plusx.data.image import ImageSpec
from plusx.errors import PlusxError, nearest

MODALITIES: dict[str, type[ImageSpec] | type[ArraySpec]] = {"image": ImageSpec, "array": ArraySpec}

Spec = ImageSpec | ArraySpec
"""Any modality's spec: has `prepare`, `shape` (channels first), `dtype` and `storage_key`."""

Preprocessing = Annotated[Spec, Field(discriminator="modality")]
"""A spec inside a recipe, told by its `modality`."""


def spec_from_json(values: dict[str, Any]) -> Spec:
    """The spec that `spec.model_dump(mode="json")` gave.

    Raises:
        PlusxError: the modality is unknown, or a value is missing, unknown or out of range.

    >>> spec_from_json({"modality": "image", "height": 28, "width": 28, "channels": 1}).shape
    (1, 28, 28)
    """
    modality = values.get("modality")
    if modality not in MODALITIES:
        hint = nearest(str(modality), list(MODALITIES))
        raise PlusxError(f"preprocessing: modality {modality!r} is not one of {', '.join(MODALITIES)}{hint}")
    try:
        return MODALITIES[modality].model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or modality
        raise PlusxError(f"preprocessing: {where}: {first['msg']}") from error
