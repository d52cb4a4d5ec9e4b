"""One input's answer, from its bytes or from what the network gave."""

from pathlib import Path

import numpy as np
import pytest
from servers import png, write_model

from plusx.archive import read_archive
from plusx.data.image import ImageSpec
from plusx.engines.torch import TorchEngine
from plusx.predict.one import Answering
from plusx.tasks import Task
from plusx.tasks.classify import Classify
from plusx.tasks.detect import Detect
from plusx.tasks.segment import Segment

WIDE = ImageSpec(height=32, width=64, channels=1, fit="letterbox")


@pytest.fixture
def answering(request: pytest.FixtureRequest, tmp_path: Path) -> Answering:
    task, options = request.param
    archive = read_archive(write_model(tmp_path / "model.plusx", WIDE, task, **options))
    return Answering(archive, TorchEngine(archive))


def given(task: Task, **options: object) -> tuple[Task, dict[str, object]]:
    return task, options


BOXES = given(Detect(threshold=0.001), num_layers=[1, 1, 1])
MASKS = given(Segment(), head="unet", num_layers=[1, 1])


@pytest.mark.parametrize("answering", [BOXES], indirect=True)
def test_boxes_of_outputs_are_in_the_pixels_that_the_network_saw(answering: Answering) -> None:
    of_file = answering(png(size=16))
    assert of_file.outputs is not None
    [of_outputs] = answering.of_outputs(of_file.outputs[None])
    assert of_outputs.row["boxes"]
    # 16 pixels became 32, with 16 on each side that show nothing.
    expected = [np.array(one["box"]) for one in of_outputs.row["boxes"]]
    for own, seen in zip(of_file.row["boxes"], expected, strict=True):
        moved = np.clip((seen - [16, 0, 16, 0]) / 2, 0, 16)
        np.testing.assert_allclose(own["box"], moved, atol=1e-4)


@pytest.mark.parametrize("answering", [MASKS], indirect=True)
def test_masks_of_outputs_are_as_large_as_what_the_network_saw(answering: Answering) -> None:
    outputs = np.zeros((2, 2, 16, 32), np.float32)
    outputs[1, 1, :, 16:] = 1
    first, second = answering.of_outputs(outputs)
    assert first.mask is not None
    assert second.mask is not None
    assert first.mask.shape == (32, 64)
    assert (first.row["label"], second.row["label"]) == ("a", "b|a")
    assert not first.mask.any()
    assert second.mask[:, 33:].all()


@pytest.mark.parametrize("answering", [given(Classify())], indirect=True)
def test_what_the_network_gave_comes_with_the_answer(answering: Answering) -> None:
    of_file = answering(png())
    assert of_file.outputs is not None
    [of_outputs] = answering.of_outputs(of_file.outputs[None])
    assert of_outputs.row == of_file.row
    assert of_outputs.seen is None
    assert answering(b"no picture").outputs is None
