"""A mask in an answer is the mask that Python gives, at the picture's own size, whatever the fit."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from servers import ask, png, serving, write_model

import plusx
from plusx.data.image import ImageSpec
from plusx.tasks.segment import Segment

CLASSES = ("sky", "cat", "dog")
IGNORED = 255


@pytest.mark.parametrize("fit", ["crop", "letterbox", "stretch", "native"])
def test_the_mask_is_the_models(tmp_path: Path, fit: Any) -> None:
    spec = ImageSpec(height=16, width=24, channels=3, fit=fit, crop_fraction=0.75 if fit == "crop" else 1.0)
    path = write_model(tmp_path / "pets.plusx", spec, Segment(), CLASSES, head="fcn", num_layers=[1, 1])
    picture = png(0, 32, 3)
    with serving(path) as running:
        answer = ask(running.port, "/models/pets/predict?masks=true", picture)
    (row,) = json.loads(answer.body)["answers"]
    shown = Image.open(io.BytesIO(base64.b64decode(row["mask"].removeprefix("data:image/png;base64,"))))
    (expected,) = plusx.load(path, "torch").masks(picture)
    places = np.array(shown)
    assert places.shape == (32, 32)
    assert np.array_equal(places, expected)
    assert (IGNORED in places) == (fit == "crop")
    assert set(row["legend"]) == {CLASSES[place] for place in np.unique(expected) if place != IGNORED}
    assert (np.array(shown.convert("RGBA"))[..., 3][places == IGNORED] == 0).all()
