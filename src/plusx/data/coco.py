"""Labels in COCO's format: one JSON file of pictures, categories, and boxes `[x, y, width, height]` in pixels.

https://cocodataset.org/#format-data. Whatever can be mended is, and said in a note of one line; what is left out is
counted there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from plusx.data.decode import BadSample
from plusx.data.image import peek_size
from plusx.data.sources import FileSource
from plusx.errors import WrongUse

Corners = tuple[float, float, float, float]
UNKNOWN_SIZE = (1, 1)
NOTES = {
    "clipped": "reach out of their pictures: clipped",
    "empty": "have no area inside of their pictures: left out",
    "no numbers": "are not four finite numbers: left out",
    "no picture": "are of pictures that are not listed: left out",
    "no category": "are of categories that are not listed: left out",
}


@dataclass(frozen=True)
class Labelled:
    """A picture's path, its (height, width), and its boxes: each one's category, corners, and whether it is of many."""

    path: str
    size: tuple[int, int]
    boxes: tuple[tuple[str, Corners, bool], ...]


def read_coco(path: Path, folder: Path, notes: list[str]) -> tuple[list[Labelled], list[str]]:
    """The pictures of one file of labels, which are in `folder`, in the file's order, and all categories' names.

    Raises:
        WrongUse: it is no JSON in this format; the line names what lacks.
    """
    content = _content(path)
    names = _categories(path, content["categories"])
    pictures = _pictures(path, folder, content["images"])
    boxes: dict[Any, list[tuple[str, Corners, bool]]] = {key: [] for key in pictures}
    counted: Counter[str] = Counter()
    for one in content["annotations"]:
        _add_box(one, names, pictures, boxes, counted)
    for what, words in NOTES.items():
        if counted[what]:
            notes.append(f"{path}: {counted[what]:,} boxes {words}")
    labelled = [Labelled(where, size, tuple(boxes[key])) for key, (where, size) in pictures.items()]
    return labelled, list(names.values())


def _content(path: Path) -> dict[str, list[dict[str, Any]]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise WrongUse(f"{path}: cannot be read as JSON ({error})") from None
    for key in ("images", "annotations", "categories"):
        listed = content.get(key) if isinstance(content, dict) else None
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise WrongUse(f'{path}: has no list "{key}" of objects; give labels in COCO\'s format')
    return content


def _categories(path: Path, listed: Sequence[Mapping[str, Any]]) -> dict[Any, str]:
    names: dict[Any, str] = {}
    for one in listed:
        if not isinstance(one.get("id"), int) or not isinstance(one.get("name"), str):
            raise WrongUse(f"{path}: a category has no whole number as id, or no name: {json.dumps(one)[:80]}")
        if one["id"] in names or one["name"] in names.values():
            raise WrongUse(f"{path}: the category {one['name']} is there twice; give each an id and a name of its own")
        names[one["id"]] = one["name"]
    return names


def _pictures(path: Path, folder: Path, listed: Sequence[Mapping[str, Any]]) -> dict[Any, tuple[str, tuple[int, int]]]:
    """Each picture's path and size by its id."""
    found: dict[Any, tuple[str, tuple[int, int]]] = {}
    for one in listed:
        if not isinstance(one.get("id"), int | str) or not isinstance(one.get("file_name"), str):
            raise WrongUse(f"{path}: a picture has no id or no file_name: {json.dumps(one)[:80]}")
        if one["id"] in found:
            raise WrongUse(f"{path}: two pictures have the id {one['id']}; give each its own")
        where = str((folder / one["file_name"]).absolute())
        match one:
            case {"height": int(height), "width": int(width)} if height > 0 and width > 0:
                found[one["id"]] = where, (height, width)
            case _:
                found[one["id"]] = where, _size(where)
    return found


def _size(path: str) -> tuple[int, int]:
    try:
        height, width, _ = peek_size(FileSource([path]).read(0))
    except BadSample:
        # It is found bad, and listed, when it is decoded.
        return UNKNOWN_SIZE
    return height, width


def _add_box(
    one: Mapping[str, Any],
    names: Mapping[Any, str],
    pictures: Mapping[Any, tuple[str, tuple[int, int]]],
    boxes: dict[Any, list[tuple[str, Corners, bool]]],
    counted: Counter[str],
) -> None:
    key, category = one.get("image_id"), one.get("category_id")
    given: Any = one.get("bbox")
    if not isinstance(key, int | str) or key not in pictures:
        counted["no picture"] += 1
    elif not isinstance(category, int) or category not in names:
        counted["no category"] += 1
    elif not _is_box(given):
        counted["no numbers"] += 1
    else:
        corners, clipped = _corners(given, pictures[key][1])
        if corners[2] <= corners[0] or corners[3] <= corners[1]:
            counted["empty"] += 1
            return
        counted["clipped"] += clipped
        boxes[key].append((names[category], corners, bool(one.get("iscrowd", 0))))


def _is_box(given: Any) -> bool:
    numbers = isinstance(given, list) and len(given) == 4
    return numbers and all(isinstance(one, int | float) and isfinite(one) for one in given)


def _corners(given: Sequence[float], size: tuple[int, int]) -> tuple[Corners, bool]:
    """(x0, y0, x1, y1) inside of the picture, and whether the box reached out by more than rounding."""
    x, y, width, height = map(float, given)
    wanted = (x, y, x + width, y + height)
    limits = (size[1], size[0], size[1], size[0])
    inside = [min(max(value, 0.0), float(limit)) for value, limit in zip(wanted, limits, strict=True)]
    out = any(abs(before - after) > 0.5 for before, after in zip(wanted, inside, strict=True))
    return (inside[0], inside[1], inside[2], inside[3]), out
