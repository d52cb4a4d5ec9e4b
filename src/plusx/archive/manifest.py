"""What a model file says of itself: `manifest.json`, its versions, and how strictly it is read."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)

from plusx.archive.card import Card
from plusx.archive.refusal import MAKE_AGAIN, refusal

FORMAT_VERSION = "1.2"
"""1.1 added `card`, 1.2 `precision`."""
MAX_MANIFEST_BYTES = 16 * 2**20

_VERSION = re.compile(r"([1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})")


class FileRecord(BaseModel):
    """The size and SHA-256 (64 lower-case hex digits) of one other member of the file.

    >>> FileRecord(size_bytes=3, sha256="ab" * 32).size_bytes
    3
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size_bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}\z")]


class Manifest(BaseModel):
    """What the model is, how its inputs are prepared, and where it came from.

    `created_at` is ISO 8601 in UTC. `card` is what the model is for, if anybody said so. `precision` is
    how its network computes: one of int8 has no weights but those inside its graph, `engines/onnx/model.onnx`. `files`
    has a record for every other member; `write_archive` fills it.
    A manifest that exists can be written.

    Raises:
        pydantic.ValidationError: an unknown key, no classes, repeated or empty class names, or values that
            JSON has no words for (NaN, infinities, lone surrogates).

    >>> manifest = Manifest(
    ...     created_with={"plusx": "0.1.0"}, created_at="2026-01-31T12:00:00Z", task={"name": "classify"},
    ...     classes=("cat", "dog"), preprocessing={"size": 32}, network={"num_layers": [2]}, provenance={},
    ... )
    >>> manifest.classes, manifest.format_version
    (('cat', 'dog'), '1.2')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Annotated[str, Field(pattern=rf"^{_VERSION.pattern}\z")] = FORMAT_VERSION
    created_with: dict[str, str]
    created_at: str
    task: dict[str, JsonValue]
    classes: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    preprocessing: dict[str, JsonValue]
    network: dict[str, JsonValue]
    provenance: dict[str, JsonValue]
    card: Card | None = None
    precision: Literal["float32", "int8"] = "float32"
    files: dict[str, FileRecord] = {}

    @field_validator("created_at")
    @classmethod
    def _is_utc(cls, value: str) -> str:
        if datetime.fromisoformat(value).utcoffset() != timedelta(0):
            raise ValueError(f"{value!r} is not a time in UTC, such as 2026-01-31T12:00:00Z")
        return value

    @field_validator("classes")
    @classmethod
    def _are_distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        seen: set[str] = set()
        for name in value:
            if name in seen:
                raise ValueError(f"the class {name!r} is named twice")
            seen.add(name)
        return value

    @model_validator(mode="after")
    def _can_be_written(self) -> Self:
        manifest_bytes(self)
        return self


def manifest_bytes(manifest: Manifest) -> bytes:
    """The manifest as JSON in UTF-8; equal manifests give equal bytes.

    Raises:
        ValueError: a value that JSON in UTF-8 cannot hold.

    >>> manifest_bytes(Manifest.model_construct(classes=("é",))).decode().splitlines()[2:4]
    [' "classes": [', '  "é"']
    """
    values = manifest.model_dump(mode="python")
    text = json.dumps(values, ensure_ascii=False, allow_nan=False, sort_keys=True, indent=1)
    return (text + "\n").encode("utf-8")


def parse_manifest(path: Path, data: bytes) -> Manifest:
    """The manifest in `data`; `path` is the model file it came from, for the error's line.

    A newer minor version's unknown keys are passed over.

    Raises:
        BadArchive: a newer major version, anything but one JSON object, or values that are no manifest's.

    >>> parse_manifest(Path("cat.plusx"), b'{"format_version": "2.0"}')
    Traceback (most recent call last):
    plusx.archive.refusal.BadArchive: cat.plusx: has format version 2.0, this plusx reads 1.x; update plusx
    """
    values = _json_object(path, data)
    major, minor = _version(path, values.get("format_version"))
    our_major, our_minor = map(int, FORMAT_VERSION.split("."))
    if major > our_major:
        what = f"has format version {major}.{minor}, this plusx reads {our_major}.x"
        raise refusal(path, what, "update plusx")
    if minor > our_minor:
        values = {key: value for key, value in values.items() if key in Manifest.model_fields}
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise refusal(path, f"has a manifest that is wrong at {where} ({first['msg']})", MAKE_AGAIN) from error


def _json_object(path: Path, data: bytes) -> dict[str, Any]:
    try:
        values = json.loads(data.decode("utf-8"), object_pairs_hook=_distinct_keys, parse_constant=_no_constant)
    except RecursionError as error:
        raise refusal(path, "has a manifest nested too deeply", MAKE_AGAIN) from error
    except ValueError as error:
        raise refusal(path, f"has a manifest that is no JSON ({error})", MAKE_AGAIN) from error
    if not isinstance(values, dict):
        raise refusal(path, "has a manifest that is no JSON object", MAKE_AGAIN)
    return values


def _distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    # Which of two equal keys wins differs between JSON readers: a file must say the same thing everywhere.
    if len(values) != len(pairs):
        raise ValueError("a key is given twice")
    return values


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _version(path: Path, value: object) -> tuple[int, int]:
    found = _VERSION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise refusal(path, f"has a manifest without a format_version such as {FORMAT_VERSION}", MAKE_AGAIN)
    return int(found[1]), int(found[2])
