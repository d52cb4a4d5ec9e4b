"""What each task gives, for files and for tensors alike."""

import base64
import io
import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile
from servers import PICTURES, Running, assert_close, png, serving, write_model

from plusx.data.image import ImageSpec
from plusx.data.modalities import MODALITIES, Spec
from plusx.data.signal import SignalSpec
from plusx.data.sound import SoundSpec
from plusx.data.text import TextSpec
from plusx.data.volume import VolumeSpec
from plusx.tasks import TASKS, Task
from plusx.tasks.classify import Classify
from plusx.tasks.detect import Detect
from plusx.tasks.embed import Embed
from plusx.tasks.multilabel import Multilabel
from plusx.tasks.regress import Regress
from plusx.tasks.segment import Segment
from plusx.tasks.transcribe import Transcribe

triton = pytest.importorskip("tritonclient.http", reason="needs tritonclient[http]")

from tritonclient.utils import InferenceServerException  # noqa: E402

LARGER = ImageSpec(height=32, width=32, channels=1, fit="stretch")


def wav() -> bytes:
    file = io.BytesIO()
    wavfile.write(file, 16_000, np.random.default_rng(0).integers(-9999, 9999, 16_000, np.int16))
    return file.getvalue()


def npy(*shape: int) -> bytes:
    file = io.BytesIO()
    np.save(file, np.random.default_rng(0).normal(size=shape).astype(np.float32))
    return file.getvalue()


class Kind(NamedTuple):
    """A model and a file for it.

    Args:
        spec, task, options: of the model.
        file: for it.
        more: the outputs that it has beside `answer` and `outputs`.
    """

    spec: Spec
    task: Task
    file: bytes
    more: list[str]
    options: Mapping[str, Any] = MappingProxyType({})


PROBABLE = ["label", "probability", "probabilities"]
KINDS = {
    "pictures": Kind(PICTURES, Classify(), png(), PROBABLE),
    "labels": Kind(PICTURES, Multilabel(), png(), PROBABLE),
    "numbers": Kind(PICTURES, Regress(mean=(1, 2), std=(1, 2), scale=(1, 1)), png(), ["label", "probability"]),
    "number": Kind(
        PICTURES,
        Regress(mean=(1,), std=(2,)),
        png(),
        ["label", "probability", "value", "low", "high"],
        {"classes": ("age",)},
    ),
    "places": Kind(PICTURES, Embed(), png(), []),
    "masks": Kind(LARGER, Segment(), png(size=32), ["label", "mask"], {"head": "unet", "num_layers": [1, 1]}),
    "boxes": Kind(LARGER, Detect(threshold=0.001), png(size=32), ["label"], {"num_layers": [1, 1, 1]}),
    "sounds": Kind(SoundSpec(samples=4000), Classify(), wav(), PROBABLE),
    "speech": Kind(SoundSpec(samples=8000, bands="channels"), Transcribe(), wav(), ["label", "text", "probability"]),
    "texts": Kind(
        TextSpec(length=64), Classify(), "zwölf".encode(), PROBABLE, {"stem": "bytes_small", "neck": "largest"}
    ),
    "signals": Kind(SignalSpec(length=32, channels=2), Classify(), npy(32, 2), PROBABLE),
    "volumes": Kind(VolumeSpec(depth=8, height=8, width=8), Classify(), npy(8, 8, 8), PROBABLE),
}


def test_every_task_and_modality_is_here() -> None:
    assert {kind.task.name for kind in KINDS.values()} == TASKS.keys()
    # Arrays have no files: they come from Python.
    assert {kind.spec.modality for kind in KINDS.values()} == MODALITIES.keys() - {"array"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("models")
    with serving(
        *(write_model(folder / f"{name}.plusx", one.spec, one.task, **one.options) for name, one in KINDS.items())
    ) as running:
        yield running


@pytest.fixture(scope="module")
def client(running: Running) -> Iterator[Any]:
    client = triton.InferenceServerClient(f"127.0.0.1:{running.port}")
    yield client
    client.close()


def of_files(*files: bytes) -> list[Any]:
    return [triton.InferInput("input", [len(files)], "BYTES").set_data_from_numpy(np.array(files, object))]


def of_tensors(values: np.ndarray, datatype: str) -> list[Any]:
    return [triton.InferInput("input", list(values.shape), datatype).set_data_from_numpy(values)]


def prepared(kind: Kind) -> np.ndarray:
    """Two of the file, as the network takes it."""
    one = np.moveaxis(kind.spec.prepare(kind.file), -1, 0)
    return np.stack([one, one])


def given(found: Any) -> dict[str, np.ndarray]:
    return {one["name"]: found.as_numpy(one["name"]) for one in found.get_response()["outputs"]}


@pytest.mark.parametrize("name", KINDS)
def test_the_metadata_says_what_there_is(client: Any, name: str) -> None:
    about, kind = client.get_model_metadata(name), KINDS[name]
    assert [one["name"] for one in about["outputs"]] == ["answer", *kind.more, "outputs"]
    tensor = about["inputs"][0]["parameters"]
    found = given(client.infer(name, of_tensors(prepared(kind), tensor["datatype"]), outputs=everything(kind)))
    assert tensor["shape"][1:] == list(prepared(kind).shape[1:])
    for one in about["outputs"]:
        assert found[one["name"]].shape == (2, *one["shape"][1:])
        assert (found[one["name"]].dtype == object) == (one["datatype"] == "BYTES")


def everything(kind: Kind) -> list[Any]:
    return [triton.InferRequestedOutput(name) for name in ("answer", *kind.more, "outputs")]


@pytest.mark.parametrize("name", KINDS)
def test_each_part_of_an_answer_is_an_output(client: Any, running: Running, name: str) -> None:
    kind, model = KINDS[name], running.service.model(name).now
    row = model.answer(kind.file).row
    assert row["error"] is None
    found = given(client.infer(name, of_files(kind.file)))
    bulky = ["outputs"] if kind.task.BULKY else []
    assert [*found, *bulky] == ["answer", *kind.more, "outputs"]
    assert json.loads(found["answer"][0]) == row
    for part in ("label", "text"):
        if part in found:
            assert found[part][0].decode() == row[part]
    for part in ("probability", "value", "low", "high"):
        if part in found:
            np.testing.assert_allclose(found[part][0], np.nan if row[part] is None else row[part], rtol=1e-6)


@pytest.mark.parametrize("name", KINDS)
def test_a_file_and_its_tensor_are_answered_the_same(client: Any, name: str) -> None:
    kind = KINDS[name]
    datatype = client.get_model_metadata(name)["inputs"][0]["parameters"]["datatype"]
    file, tensors = (
        given(client.infer(name, asked)) for asked in (of_files(kind.file), of_tensors(prepared(kind), datatype))
    )
    for part, values in file.items():
        for one in tensors[part]:
            if values.dtype == object and part == "answer":
                assert_close(json.loads(one), json.loads(values[0]))
            elif values.dtype == object:
                assert one == values[0]
            else:
                np.testing.assert_allclose(one, values[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [(32, 32), (20, 50)])
def test_a_mask_is_a_picture_of_classes(client: Any, running: Running, size: tuple[int, int]) -> None:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, size, np.uint8)).save(file, "png")
    [mask] = client.infer("masks", of_files(file.getvalue())).as_numpy("mask")
    read = np.array(Image.open(io.BytesIO(mask)))
    expected = running.service.model("masks").now.answer(file.getvalue()).mask
    assert read.shape == size
    assert read.tolist() == expected.tolist()


def test_a_mask_in_json_is_base64(client: Any) -> None:
    outputs = [triton.InferRequestedOutput("mask", binary_data=False)]
    binary = client.infer("masks", of_files(png(size=32), b"bad")).as_numpy("mask")
    found = client.infer("masks", of_files(png(size=32), b"bad"), outputs=outputs)
    assert found.get_output("mask")["parameters"] == {"content_type": "base64"}
    assert [base64.b64decode(one) for one in found.as_numpy("mask")] == binary.tolist()
    assert binary[1] == b""


def test_outputs_of_pictures_that_may_be_cut_are_for_tensors(client: Any) -> None:
    with pytest.raises(InferenceServerException, match="outputs is there for tensors, not for files"):
        client.infer("masks", of_files(png(size=32)), outputs=[triton.InferRequestedOutput("outputs")])


@pytest.mark.parametrize("name", ["boxes", "speech", "texts"])
def test_what_is_bad_is_empty(client: Any, name: str) -> None:
    found = given(client.infer(name, of_files(KINDS[name].file, b""), outputs=everything(KINDS[name])))
    assert json.loads(found["answer"][1])["error"]
    assert found["label"][1] == b""
    assert np.isnan(found["outputs"][1]).all()
    assert not np.isnan(found["outputs"][0]).any()
