"""What docs/serving-protocol.md shows runs as it stands there, with Triton's client, KServe's and none."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from servers import Running, png, serving, write_model

PAGE = Path(__file__).parents[3] / "docs" / "serving-protocol.md"
KSERVE = "PLUSX_TEST_KSERVE_PYTHON"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(write_model(tmp_path_factory.mktemp("models") / "digits.plusx")) as running:
        yield running


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def run(program: list[str], code: str, running: Running, folder: Path) -> str:
    (folder / "digit.png").write_bytes(png())
    command = [*program, "-c", code.replace("localhost:8000", f"127.0.0.1:{running.port}")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_tritons_client(running: Running, tmp_path: Path) -> None:
    if find_spec("tritonclient") is None:
        pytest.skip("needs tritonclient[http]")
    row = running.service.model().now.answer(png()).row
    said = run([sys.executable], blocks("python")[0], running, tmp_path)
    assert said.startswith(f"[b'{row['label']}'] [0.")


def kserve() -> str:
    """The Python that has KServe's client: it asks for older packages than plusx does."""
    python = os.environ.get(KSERVE)
    if python is None:
        pytest.skip(f"{KSERVE} names no Python with kserve")
    return python


def test_kserves_client(running: Running, tmp_path: Path) -> None:
    row = running.service.model().now.answer(png()).row
    said = dict(line.split(" ", 1) for line in run([kserve()], blocks("python")[1], running, tmp_path).splitlines())
    assert said.keys() == {"answer", "label", "probability", "probabilities", "outputs"}
    assert row["label"] in said["label"]


ASKS = """
import asyncio, json
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

async def main():
    url, values = "http://localhost:8000", np.arange(128, dtype=np.uint8).reshape(2, 1, 8, 8)
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        said = {"live": await client.is_server_live(url), "ready": await client.is_server_ready(url)}
        said["model"] = await client.is_model_ready(url, "digits")
        said["no model"] = await client.is_model_ready(url, "none")
        for binary in (True, False):
            given = InferInput("input", [2, 1, 8, 8], "UINT8")
            given.set_data_from_numpy(values, binary_data=binary)
            wanted = [RequestedOutput(name, {"binary_data": binary}) for name in ("label", "outputs")]
            asked = InferRequest("digits", [given], request_id="41", request_outputs=wanted)
            found = await client.infer(url, asked, model_name="digits")
            assert (found.id, found.model_name) == ("41", "digits")
            said[str(binary)] = {one.name: one.as_numpy().tolist() for one in found.outputs}
        wrong = InferRequest("digits", [InferInput("picture", [1], "BYTES", ["a"])])
        try:
            await client.infer(url, wrong, model_name="digits")
        except Exception as error:
            said["error"] = str(error)
    print(json.dumps(said))

asyncio.run(main())
"""


def test_kserves_client_sends_tensors_in_both_forms(running: Running, tmp_path: Path) -> None:
    said = json.loads(run([kserve()], ASKS, running, tmp_path))
    assert (said["live"], said["ready"], said["model"], said["no model"]) == (True, True, True, False)
    assert said["True"] == said["False"]
    assert len(said["True"]["label"]) == 2
    assert "there is no 'picture'; the model's input is 'input'" in said["error"]


@pytest.mark.parametrize("place", [0, 1])
def test_no_client(running: Running, tmp_path: Path, place: int) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    said = json.loads(run(["bash"], blocks("bash")[place], running, tmp_path))
    row = running.service.model().now.answer(png()).row
    assert {one["name"]: one["data"] for one in said["outputs"]}["label"] == [row["label"]]
