"""`plusx.export` and `plusx export`: what is proved, what is refused, and that nothing wrong is left."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from exported import archive_of

import plusx
from plusx.archive import read_archive, write_archive
from plusx.cli.main import main
from plusx.engines.convert import onnx_graph
from plusx.engines.golden import TOLERANCES
from plusx.engines.graph import MEMBER
from plusx.engines.targets import TARGETS, find_target
from plusx.errors import PlusxError, WrongUse
from plusx.model.cam import CamNetwork
from plusx.model.resnet import ResNet


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that carries its graph, so that it is made once."""
    torch.manual_seed(0)
    archive = archive_of(ResNet([1, 1], 8, num_classes=3))
    path = tmp_path_factory.mktemp("models") / "digits.plusx"
    return write_archive(replace(archive, engines={MEMBER: onnx_graph(archive)}), path)


@pytest.fixture
def int8(model: Path, tmp_path: Path) -> Path:
    """A model that says that it is int8 and has no weights."""
    archive = read_archive(model)
    manifest = archive.manifest.model_copy(update={"precision": "int8"})
    return write_archive(replace(archive, manifest=manifest, weights={}), tmp_path / "int8.plusx")


def test_it_is_written_beside_the_model_and_proved(model: Path, tmp_path: Path) -> None:
    copied = tmp_path / "digits.plusx"
    copied.write_bytes(model.read_bytes())
    exported = plusx.export(copied)
    assert exported.files == (tmp_path / "digits.onnx",)
    assert exported.size_bytes == exported.files[0].stat().st_size
    assert exported.difference <= exported.tolerance == 1e-4
    assert exported.agreement == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digits.onnx", "digits.plusx"]
    two = plusx.export(copied, "openvino", tmp_path / "two.xml")
    assert two.files == (tmp_path / "two.xml", tmp_path / "two.bin")
    assert plusx.export(copied, "plusx").files[0].name == "digits-with-graph.plusx"


def test_an_int8_model_is_held_to_its_own_bound(int8: Path) -> None:
    exported = plusx.export(int8)
    assert exported.tolerance == TOLERANCES["int8"]
    assert exported.difference <= TOLERANCES["int8"]


@pytest.mark.parametrize("name", [name for name in TARGETS if find_target(name).OF_WEIGHTS])
def test_an_int8_model_has_no_weights(int8: Path, name: str) -> None:
    says = rf"--to {name}: .*int8\.plusx is int8 and has no weights for torch; give --to onnx or openvino, or the model"
    with pytest.raises(PlusxError, match=says):
        plusx.export(int8, name)
    with pytest.raises(PlusxError, match=r"--maps: .*int8\.plusx is int8 and has no weights for torch; leave it out"):
        plusx.export(int8, "onnx", maps=True)


def test_what_answers_otherwise_is_refused_and_nothing_is_left(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = archive_of(ResNet([1, 1], 8, num_classes=3))
    wrong = onnx_graph(other)
    monkeypatch.setattr("plusx.engines.targets.onnx.graph_of", lambda archive, maps: wrong)
    with pytest.raises(PlusxError, match=r"wrong\.onnx: what was written answers otherwise than the training did, by "):
        plusx.export(model, "onnx", tmp_path / "wrong.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays(model: Path, tmp_path: Path) -> None:
    (tmp_path / "there.onnx").write_text("mine")
    (tmp_path / "link.onnx").symlink_to(tmp_path / "nowhere")
    (tmp_path / "half.bin").write_text("mine")
    for name, there in {"there.onnx": "there.onnx", "link.onnx": "link.onnx", "half.xml": "half.bin"}.items():
        to = "openvino" if name.endswith(".xml") else "onnx"
        with pytest.raises(PlusxError, match=rf"{there} is there already; give another name by --out, or remove it"):
            plusx.export(model, to, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["half.bin", "link.onnx", "there.onnx"]
    assert (tmp_path / "there.onnx").read_text() == (tmp_path / "half.bin").read_text() == "mine"


def test_a_wrong_out_is_named(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WrongUse, match=r"--out .*model\.pt: the ending must be \.onnx"):
        plusx.export(model, "onnx", tmp_path / "model.pt")
    with pytest.raises(WrongUse, match=r"--out .*page\.html: give a folder's name, without an ending"):
        plusx.export(model, "web", tmp_path / "page.html")
    with pytest.raises(PlusxError, match=r"--out .*model\.onnx: there is no folder .*none"):
        plusx.export(model, "onnx", tmp_path / "none" / "model.onnx")

    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(PlusxError, match=r"--out .*model\.onnx: cannot be written: No space left on device"):
        plusx.export(model, "onnx", tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_options_that_are_not_for_a_format_are_wrong_use(model: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"--maps: --to torchvision holds no further outputs; leave it out, or give"):
        plusx.export(model, "torchvision", maps=True)
    with pytest.raises(WrongUse, match=r"--runtime: it is for --to web, not for --to onnx; leave it out"):
        plusx.export(model, "onnx", runtime=tmp_path)


def test_maps_are_those_of_the_network(model: Path, tmp_path: Path) -> None:
    from plusx.engines.torch import build_network

    archive = read_archive(model)
    (path,) = plusx.export(model, "onnx", tmp_path / "maps.onnx", maps=True).files
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["probabilities", "maps", "outputs"]
    maps, outputs = session.run(["maps", "outputs"], {"input": archive.golden.inputs})
    with torch.no_grad():
        logits, expected = CamNetwork(build_network(archive))(torch.from_numpy(archive.golden.inputs))
    assert np.shape(maps) == (4, 3, 16, 16)
    np.testing.assert_allclose(maps, expected, atol=1e-5)
    np.testing.assert_allclose(outputs, logits, atol=1e-4)
    exported = plusx.export(model, "torch-export", tmp_path / "maps.pt2", maps=True)
    given = torch.export.load(exported.files[0]).module()(torch.from_numpy(archive.golden.inputs))
    torch.testing.assert_close(given[1].detach(), expected)


def test_a_network_without_maps_says_so(tmp_path: Path) -> None:
    path = write_archive(archive_of(ResNet([1, 1], 8, num_classes=3, neck="largest")), tmp_path / "m.plusx")
    with pytest.raises(WrongUse, match=r"--maps: a network with a neck largest has no map for each class in its graph"):
        plusx.export(path, maps=True)


def test_the_command_says_what_it_wrote(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "digits.onnx"
    with pytest.raises(SystemExit) as ended:
        main(["export", str(model), "--out", str(path), "--json"])
    assert ended.value.code == 0
    said = capsys.readouterr()
    written = json.loads(said.out)
    assert written["to"] == "onnx"
    assert written["out"] == str(path)
    assert written["files"] == [str(path)]
    assert written["difference"] <= 1e-4
    assert f"{path}: ONNX, opset 18: raw input in" in said.err
    assert "answers as the training did: golden outputs differ by" in said.err
    with pytest.raises(SystemExit) as ended:
        main(["export", str(model), "--to", "onxn"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("plusx: --to onxn: no such format; did you mean onnx?; there are onnx, ")
