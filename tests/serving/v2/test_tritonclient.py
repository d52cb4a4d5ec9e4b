"""A real server, asked by the client that Triton's users have."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from servers import Running, assert_close, png, serving, write_model

from plusx.serving.settings import Settings

triton = pytest.importorskip("tritonclient.http", reason="needs tritonclient[http]")

from tritonclient.utils import InferenceServerException  # noqa: E402


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("models")
    digits = write_model(folder / "digits.plusx", classes=("one", "two", "drei"))
    with serving(digits, write_model(folder / "others.plusx", seed=1)) as running:
        yield running


@pytest.fixture(scope="module")
def client(running: Running) -> Iterator[Any]:
    client = triton.InferenceServerClient(f"127.0.0.1:{running.port}", concurrency=4)
    yield client
    client.close()


def files(*given: bytes, binary: bool = True) -> list[Any]:
    array = np.array(given, object)
    return [triton.InferInput("input", [len(given)], "BYTES").set_data_from_numpy(array, binary_data=binary)]


def tensors(values: np.ndarray, binary: bool = True) -> list[Any]:
    return [triton.InferInput("input", list(values.shape), "UINT8").set_data_from_numpy(values, binary_data=binary)]


def pixels(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 1, 8, 8), np.uint8)


def test_health(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("digits")
    assert client.is_model_ready("others", "1")
    assert not client.is_model_ready("others", "2")
    assert not client.is_model_ready("none")


def test_metadata(client: Any) -> None:
    assert client.get_server_metadata()["name"] == "plusx"
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    about = client.get_model_metadata("digits", "1")
    assert (about["name"], about["versions"], about["platform"]) == ("digits", ["1"], "plusx_torch")
    assert [(one["name"], one["datatype"], one["shape"]) for one in about["inputs"]] == [("input", "BYTES", [-1])]
    assert about["inputs"][0]["parameters"] == {"datatype": "UINT8", "shape": [-1, 1, 8, 8]}
    assert {one["name"]: (one["datatype"], one["shape"]) for one in about["outputs"]} == {
        "answer": ("BYTES", [-1]),
        "label": ("BYTES", [-1]),
        "probability": ("FP32", [-1]),
        "probabilities": ("FP32", [-1, 3]),
        "outputs": ("FP32", [-1, 3]),
    }
    assert about["parameters"]["labels"] == ["one", "two", "drei"]


def test_models_come_with_the_server(client: Any) -> None:
    index = client.get_model_repository_index()
    assert [(one["name"], one["version"], one["state"]) for one in index] == [
        ("digits", "1", "READY"),
        ("others", "1", "READY"),
    ]
    for change in (client.load_model, client.unload_model):
        with pytest.raises(InferenceServerException, match="neither loaded nor unloaded by request"):
            change("digits")


def test_each_output_says_the_same(client: Any, running: Running) -> None:
    found = client.infer("digits", files(png(1), png(2)), request_id="41")
    assert found.get_response()["id"] == "41"
    assert (found.get_response()["model_name"], found.get_response()["model_version"]) == ("digits", "1")
    answers = [json.loads(one) for one in found.as_numpy("answer")]
    assert_close(answers, [running.service.model("digits").now.answer(png(seed)).row for seed in (1, 2)])
    assert [one["label"].encode() for one in answers] == found.as_numpy("label").tolist()
    probabilities = found.as_numpy("probabilities")
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
    assert probabilities.max(1).tolist() == found.as_numpy("probability").tolist()
    logits = found.as_numpy("outputs")
    np.testing.assert_allclose(np.exp(logits) / np.exp(logits).sum(1, keepdims=True), probabilities, rtol=1e-5)
    labels = client.get_model_metadata("digits")["parameters"]["labels"]
    assert [labels[place] for place in probabilities.argmax(1)] == [one["label"] for one in answers]


@pytest.mark.parametrize("binary", [True, False])
def test_tensors_in_both_forms(client: Any, running: Running, binary: bool) -> None:
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("label", "outputs")]
    found = client.infer("digits", tensors(pixels(3), binary), outputs=outputs)
    assert [one["name"] for one in found.get_response()["outputs"]] == ["label", "outputs"]
    expected = running.service.model("digits").now.batcher(pixels(3))
    np.testing.assert_allclose(found.as_numpy("outputs"), expected, rtol=1e-5)
    assert found.as_numpy("label").shape == (3,)
    assert all(isinstance(one, bytes if binary else str) for one in found.as_numpy("label"))


def test_a_picture_and_its_tensor_are_answered_the_same(client: Any, running: Running) -> None:
    seen = running.service.model("digits").now.answer(png(5)).seen
    assert seen is not None
    of_file = client.infer("digits", files(png(5)))
    of_tensor = client.infer("digits", tensors(np.moveaxis(seen[None], -1, 1)))
    for name in ("answer", "label", "probability", "probabilities", "outputs"):
        assert of_file.as_numpy(name).tolist() == of_tensor.as_numpy(name).tolist()


def test_models_answer_each_for_itself(client: Any) -> None:
    values = tensors(pixels(1))
    one, other = (client.infer(name, values).as_numpy("outputs") for name in ("digits", "others"))
    assert one.shape == (1, 3)
    assert other.shape == (1, 2)


def test_a_bad_input_fails_no_other(client: Any) -> None:
    found = client.infer("digits", files(png(1), b"no picture", png(2)))
    alone = client.infer("digits", files(png(1), png(2)))
    assert "not a PNG" in json.loads(found.as_numpy("answer")[1])["error"]
    assert found.as_numpy("label")[1] == b""
    assert np.isnan(found.as_numpy("probability")[1])
    assert np.isnan(found.as_numpy("probabilities")[1]).all()
    assert np.isnan(found.as_numpy("outputs")[1]).all()
    assert found.as_numpy("label")[[0, 2]].tolist() == alone.as_numpy("label").tolist()
    # How many were answered at once changes how sums are ordered.
    np.testing.assert_allclose(found.as_numpy("outputs")[[0, 2]], alone.as_numpy("outputs"), rtol=1e-5)


def test_where_all_are_bad_the_request_is(client: Any) -> None:
    with pytest.raises(InferenceServerException, match="input: not a PNG") as refused:
        client.infer("digits", files(b"no picture", b"none either"))
    assert refused.value.status() == "400"


def test_numbers_that_json_has_not_are_nan(client: Any) -> None:
    outputs = [triton.InferRequestedOutput("probability", binary_data=False)]
    found = client.infer("digits", files(png(1), b"no picture"), outputs=outputs)
    assert np.isnan(found.as_numpy("probability")).tolist() == [False, True]


def test_the_likeliest_as_text(client: Any) -> None:
    outputs = [triton.InferRequestedOutput("probabilities", class_count=2), triton.InferRequestedOutput("answer")]
    found = client.infer("digits", files(png(1)), outputs=outputs)
    top = json.loads(found.as_numpy("answer")[0])["top"]
    assert found.as_numpy("probabilities").shape == (1, 2)
    for text, ranked in zip(found.as_numpy("probabilities")[0], top, strict=False):
        value, place, label = text.decode().split(":")
        assert (label, ["one", "two", "drei"][int(place)]) == (ranked["label"], ranked["label"])
        assert float(value) == pytest.approx(ranked["probability"], abs=1e-6)


def test_how_many_are_listed(client: Any) -> None:
    found = client.infer("digits", files(png(1)), parameters={"top": 1})
    assert len(json.loads(found.as_numpy("answer")[0])["top"]) == 1


@pytest.mark.parametrize(
    ("name", "classes", "said"),
    [
        ("lable", 0, "outputs: there is no 'lable'; did you mean label\\?; there are answer, label, probability"),
        ("label", 2, "outputs: label has no value for each class; leave classification out"),
    ],
)
def test_outputs_that_are_not_there(client: Any, name: str, classes: int, said: str) -> None:
    with pytest.raises(InferenceServerException, match=said) as refused:
        client.infer("digits", files(png(1)), outputs=[triton.InferRequestedOutput(name, class_count=classes)])
    assert refused.value.status() == "400"


def test_what_is_compressed_is_refused(client: Any) -> None:
    with pytest.raises(InferenceServerException, match="Content-Encoding") as refused:
        client.infer("digits", files(png(1)), request_compression_algorithm="gzip")
    assert refused.value.status() == "415"


def test_many_at_once(client: Any) -> None:
    asked = [client.async_infer("digits", tensors(pixels(1, seed)), request_id=str(seed)) for seed in range(20)]
    found = [one.get_result() for one in asked]
    for seed, one in enumerate(found):
        assert one.get_response()["id"] == str(seed)
        alone = client.infer("digits", tensors(pixels(1, seed)))
        np.testing.assert_allclose(one.as_numpy("outputs"), alone.as_numpy("outputs"), rtol=1e-5)


def test_the_client_of_asyncio(running: Running) -> None:
    aio = pytest.importorskip("tritonclient.http.aio", reason="needs aiohttp")

    async def ask() -> list[Any]:
        async with aio.InferenceServerClient(f"127.0.0.1:{running.port}") as client:
            assert await client.is_server_ready()
            asked = [client.infer("digits", files(png(seed))) for seed in range(4)]
            return [found.as_numpy("label")[0] for found in await asyncio.gather(*asked)]

    assert len(asyncio.run(ask())) == 4


def test_a_newer_version_answers_by_its_number(tmp_path: Path) -> None:
    path = write_model(tmp_path / "digits.plusx")
    with serving(path, settings=Settings(reload_s=0)) as running:
        client = triton.InferenceServerClient(f"127.0.0.1:{running.port}")
        before = client.infer("digits", tensors(pixels(1)), model_version="1").as_numpy("outputs")
        write_model(path, seed=1)
        running.service.model("digits").renew()
        found = client.infer("digits", tensors(pixels(1)), model_version="2")
        assert found.get_response()["model_version"] == "2"
        assert found.as_numpy("outputs").tolist() != before.tolist()
        assert client.get_model_metadata("digits")["versions"] == ["2"]
        with pytest.raises(InferenceServerException, match="digits is at version 2; there is no version '1'"):
            client.infer("digits", tensors(pixels(1)), model_version="1")
        client.close()
