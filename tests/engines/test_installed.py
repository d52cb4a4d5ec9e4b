"""Optional packages: named where they are missing, and kept from sending what nobody asked them to send."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WATCHED = """
import sys
asked = []
sys.addaudithook(lambda event, given: asked.append((event, given[-1])) if event.startswith("socket.") else None)
from plusx.engines.installed import needed
{use}
import time; time.sleep(0.5)
print([each for each in asked if each[0] in ("socket.connect", "socket.getaddrinfo", "socket.sendto")])
"""
QUANTISE = """
import numpy as np, onnx
from onnx import TensorProto, helper, numpy_helper
weight = numpy_helper.from_array(np.ones((4, 1, 3, 3), np.float32), "weight")
values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, own, 8, 8]) for name, own in (("x", 1), ("y", 4))]
node = helper.make_node("Conv", ["x", "weight"], ["y"], pads=[1, 1, 1, 1])
model = helper.make_model(helper.make_graph([node], "g", values[:1], values[1:], [weight]),
                          opset_imports=[helper.make_opsetid("", 18)])
nncf = needed("nncf", "int8")
nncf.quantize(model, nncf.Dataset([{"x": np.ones((1, 1, 8, 8), np.float32)}]), subset_size=1)
"""


@pytest.mark.parametrize("use", ['needed("openvino", "it").Core()', 'needed("onnxruntime", "it")', QUANTISE])
def test_nothing_is_sent_and_nothing_is_left_in_the_home_folder(use: str, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")}
    env |= {"HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", WATCHED.format(use=use)], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert not (tmp_path / "intel").exists()
