"""Small folders of pictures with boxes in COCO's format."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

COLOURS = {"red": (250, 40, 40), "blue": (40, 60, 250)}
IDS = {"red": 3, "blue": 7}
SIZES = ((48, 64), (64, 48), (64, 64))


def write_squares(folder: Path, count: int, seed: int, *, labels: str = "annotations.json") -> dict[str, Any]:
    """`count` pictures with one to three squares of two colours, and their labels, which are given back."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {"images": [], "annotations": []}
    content["categories"] = [{"id": place, "name": name} for name, place in IDS.items()]
    for number in range(count):
        height, width = SIZES[number % len(SIZES)]
        pixels = random.integers(90, 130, (height, width, 3)).astype(np.uint8)
        for _ in range(random.integers(1, 4)):
            side = int(random.integers(12, 28))
            x, y = int(random.integers(0, width - side)), int(random.integers(0, height - side))
            name = str(random.choice(list(COLOURS)))
            pixels[y : y + side, x : x + side] = COLOURS[name]
            box = {"image_id": number, "category_id": IDS[name], "bbox": [x, y, side, side], "iscrowd": 0}
            content["annotations"].append({"id": len(content["annotations"]), **box})
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
        content["images"].append({"id": number, "file_name": f"{number:03d}.png", "height": height, "width": width})
    (folder / labels).write_text(json.dumps(content))
    return content
