"""Other libraries' weights: read from files and by name, checked, and nothing else let in."""

import io
import os
import sys
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from libraries import randomise, transformers_resnet
from safetensors.torch import save_file
from torch import Tensor

from plusx.errors import PlusxError, WrongUse
from plusx.model import pretrained
from plusx.model.resnet import ResNet
from plusx.model.zoo import ZOO, resnet18, resnet34, resnet50


def test_our_own_names_are_known_too():
    ours, again = ResNet([1, 1], 4), ResNet([1, 1], 4)
    pretrained.load_state(again, pretrained.state_for(ours, "plusx"))
    assert all(torch.equal(tensor, ours.state_dict()[name]) for name, tensor in again.state_dict().items())


def test_an_unknown_family_is_refused():
    families = "torchvision, torchvision_segmentation, timm_v2, transformers, plusx"
    with pytest.raises(WrongUse, match=f"keras: no such family of weights; there are {families}"):
        pretrained.state_for(ResNet([1], 4), "keras")


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """A ResNet-18's, as torchvision writes it."""
    torch.manual_seed(1)
    theirs = torchvision.models.resnet18()
    randomise(theirs)
    return theirs.state_dict()


def holds(net: ResNet, state: dict[str, Tensor]) -> bool:
    return all(torch.equal(tensor, state[name]) for name, tensor in pretrained.state_for(net, "torchvision").items())


def without_head(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}


def test_a_head_of_another_size_is_replaced_and_said_so(state: dict[str, Tensor]):
    net = resnet18(num_classes=3)
    head = net.head.linear.weight.clone()
    with pytest.warns(UserWarning, match="file: its head of 1000 classes was replaced by a fresh one of 3"):
        pretrained.load_state(net, state, "file")
    assert torch.equal(net.head.linear.weight, head)
    written = pretrained.state_for(net, "torchvision")
    assert all(torch.equal(written[name], tensor) for name, tensor in without_head(state).items())


@pytest.mark.parametrize("head", ["pool", "none"])
def test_a_network_without_a_head_leaves_theirs_behind(state: dict[str, Tensor], head: str):
    net = resnet18(head=head)
    pretrained.load_state(net, state)
    assert holds(net, state)


def test_files_older_than_the_batch_counter_load(state: dict[str, Tensor]):
    old = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    net = resnet18()
    pretrained.load_state(net, old)
    assert all(torch.equal(pretrained.state_for(net, "torchvision")[name], tensor) for name, tensor in old.items())


def transposed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return state | {"layer2.0.conv1.weight": state["layer2.0.conv1.weight"].transpose(0, 1)}


WRONG: list[tuple[Callable[[], ResNet], Callable[[dict[str, Tensor]], dict[str, Tensor]], str]] = [
    (resnet34, dict, "it lacks layer1.2.conv1.weight"),
    (lambda: resnet18(num_layers=[2, 2, 2]), dict, "it has layer4.0.conv1.weight too"),
    (lambda: resnet18(in_channels=1), dict, r"conv1.weight is \(64, 3, 7, 7\) where this network has \(64, 1, 7, 7\)"),
    (lambda: resnet18(num_filters=32, num_layers=[2, 2, 2, 2]), dict, "conv1.weight is"),
    (lambda: resnet18(dims=1), dict, "conv1.weight is"),
    # As many numbers in another order.
    (resnet18, transposed, r"layer2.0.conv1.weight is \(64, 128, 3, 3\) where this network has \(128, 64, 3, 3\)"),
    (resnet18, without_head, "it lacks fc.weight"),
    (resnet18, lambda state: {"blocks.0.attn.qkv.weight": torch.zeros(1)}, "its first is blocks.0.attn.qkv.weight"),
    (resnet18, lambda state: {"1": torch.zeros(1)}, "its first is 1"),
    (resnet18, lambda state: {}, "its first is none"),
]


@pytest.mark.parametrize(("build", "change", "text"), WRONG)
def test_weights_of_another_network_are_refused_by_a_layers_name(
    state: dict[str, Tensor],
    build: Callable[[], ResNet],
    change: Callable[[dict[str, Tensor]], dict[str, Tensor]],
    text: str,
):
    net = build()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(WrongUse, match=f"^file: .*{text}") as refused:
        pretrained.load_state(net, change(state), "file")
    assert "\n" not in str(refused.value)
    # Nothing was half loaded.
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


# weights=: local files.


def test_a_safetensors_file(state: dict[str, Tensor], tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    save_file(state, path)
    assert holds(resnet18(weights=str(path)), state)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin"])
@pytest.mark.parametrize(
    "wrap",
    [
        dict,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": {f"module.{name}": tensor for name, tensor in state.items()}},
    ],
)
def test_a_torch_file(state: dict[str, Tensor], tmp_path: Path, suffix: str, wrap: Callable[[Any], Any]):
    path = tmp_path / f"weights{suffix}"
    torch.save(wrap(state), path)
    assert holds(resnet18(weights=str(path)), state)


class Malice:
    """Unpickled as Python would, it makes a folder."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(state: dict[str, Tensor], tmp_path: Path):
    path, trace = tmp_path / "weights.pth", tmp_path / "it-ran"
    torch.save(state | {"extra": Malice(trace)}, path)
    with pytest.raises(PlusxError, match=r"weights.pth: it holds other things than tensors, .* refused$") as refused:
        resnet18(weights=str(path))
    assert "\n" not in str(refused.value)
    assert not trace.exists()
    # It was really in there, where an unpickler would have run it.
    with zipfile.ZipFile(path) as archive:
        stored = b"".join(archive.read(name) for name in archive.namelist() if name.endswith("data.pkl"))
    assert b"mkdir" in stored
    assert str(trace).encode() in stored


def truncated() -> bytes:
    buffer = io.BytesIO()
    torch.save({"conv1.weight": torch.zeros(1000)}, buffer)
    return buffer.getvalue()[:-1000]


def empty_zip() -> bytes:
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"junk" * 100, truncated(), empty_zip()])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, content: bytes, suffix: str):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(PlusxError) as refused:
        resnet18(weights=str(path))
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {"state_dict": 3}, {1: 2}])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: Any):
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(PlusxError, match=r"weights.pth: it holds no state dict of tensors"):
        resnet18(weights=str(path))


@pytest.mark.parametrize("weights", ["nowhere.pth", "some/where.safetensors", "IMAGENET1K_V2"])
def test_what_is_neither_file_nor_name_is_refused(weights: str):
    with pytest.raises(WrongUse, match="no such file, and not of the form torchvision/NAME, timm/NAME or OWNER/NAME"):
        resnet18(weights=weights)


# weights=: torchvision's own way, with its server replaced by a file.


@pytest.fixture
def torchvision_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What any download of torch.hub gives, and a cache that holds nothing yet."""
    served = tmp_path / "served.pth"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("torch.hub.urlopen", lambda request: urllib.request.urlopen(served.as_uri()))
    return served


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch, state: dict[str, Tensor]) -> list[tuple[str, dict[str, Any]]]:
    """Each download's address and options; all of them give `state`."""
    seen: list[tuple[str, dict[str, Any]]] = []

    def download(url: str, **options: Any) -> dict[str, Tensor]:
        seen.append((url, options))
        return state

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", download)
    return seen


def test_torchvisions_weights_come_hashed_and_as_tensors_alone(
    state: dict[str, Tensor], downloads: list[tuple[str, dict[str, Any]]]
):
    assert holds(resnet18(weights="torchvision/IMAGENET1K_V1"), state)
    [(url, options)] = downloads
    assert url == torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url
    assert options["check_hash"] is True
    assert options["weights_only"] is True


def test_a_new_head_on_torchvisions_weights(downloads: list[tuple[str, dict[str, Any]]]):
    with pytest.warns(UserWarning, match="torchvision/DEFAULT: its head of 1000 classes was replaced"):
        net = resnet18(num_classes=3, weights="torchvision/DEFAULT")
    assert net(torch.randn(2, 3, 32, 32)).shape == (2, 3)
    assert len(downloads) == 1


def test_a_file_that_is_not_torchvisions_is_refused(torchvision_server: Path, state: dict[str, Tensor]):
    # All is torchvision's and torch's own here, down to the address it opens; only the hash is not right.
    torch.save(state, torchvision_server)
    with pytest.raises(PlusxError, match=r"torchvision/IMAGENET1K_V1: .*invalid hash value") as refused:
        resnet18(weights="torchvision/IMAGENET1K_V1")
    assert "\n" not in str(refused.value)


def test_no_network_is_one_line(torchvision_server: Path):
    with pytest.raises(PlusxError, match="torchvision/IMAGENET1K_V1: it cannot be loaded: URLError"):
        resnet18(weights="torchvision/IMAGENET1K_V1")


def test_torchvisions_names_are_told():
    with pytest.raises(WrongUse, match="torchvision's weights of resnet18 are IMAGENET1K_V1, DEFAULT"):
        resnet18(weights="torchvision/IMAGENET1K_V2")
    with pytest.raises(WrongUse, match="torchvision has no network called resnet20"):
        ZOO["resnet20"](weights="torchvision/IMAGENET1K_V1")


# weights=: timm's and transformers' own ways.


def test_timms_weights(monkeypatch: pytest.MonkeyPatch, state: dict[str, Tensor]):
    timm = pytest.importorskip("timm", reason="timm is not installed")
    from timm.models import _builder

    asked: list[tuple[str, bool]] = []

    def from_hub(name: str, *, weights_only: bool, cache_dir: str | None) -> dict[str, Tensor]:
        asked.append((name, weights_only))
        return state

    monkeypatch.setattr(_builder, "_CHECK_HASH", False)
    monkeypatch.setattr(_builder, "load_state_dict_from_hf", from_hub)
    assert holds(resnet18(weights="timm/resnet18.a1_in1k"), state)
    assert asked == [(timm.get_pretrained_cfg("resnet18.a1_in1k").hf_hub_id, True)]
    # And where timm takes a URL instead of the hub.
    assert _builder._CHECK_HASH is True


def test_timms_other_networks_are_refused(monkeypatch: pytest.MonkeyPatch):
    timm = pytest.importorskip("timm", reason="timm is not installed")
    with pytest.raises(PlusxError, match=r"timm/resnet19.a1_in1k: it cannot be loaded: RuntimeError: Unknown model"):
        resnet18(weights="timm/resnet19.a1_in1k")
    create = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, pretrained: create(name))
    with pytest.raises(WrongUse, match="timm/test_vit: no residual network's weights that are known"):
        resnet18(weights="timm/test_vit")


@pytest.fixture
def saved_by_transformers(tmp_path: Path) -> Path:
    folder = tmp_path / "owner" / "resnet"
    transformers_resnet("resnet18").save_pretrained(folder)
    return folder


def test_a_folder_that_transformers_wrote(saved_by_transformers: Path):
    net = resnet18(weights=str(saved_by_transformers))
    from safetensors.torch import load_file

    stored = load_file(saved_by_transformers / "model.safetensors")
    written = pretrained.state_for(net, "transformers")
    assert all(torch.equal(written[name], tensor) for name, tensor in stored.items())


def test_transformers_weights_come_as_safetensors(saved_by_transformers: Path, monkeypatch: pytest.MonkeyPatch):
    from transformers import ResNetForImageClassification

    load, asked = ResNetForImageClassification.from_pretrained, []

    def from_hub(name: str, **options: Any) -> Any:
        asked.append((name, options["use_safetensors"]))
        return load(saved_by_transformers, **options)

    monkeypatch.setattr(ResNetForImageClassification, "from_pretrained", from_hub)
    resnet18(weights="microsoft/resnet-18")
    assert asked == [("microsoft/resnet-18", True)]
    with pytest.raises(WrongUse, match=r"microsoft/resnet-18: weights of another network: it lacks resnet.encoder"):
        resnet50(weights="microsoft/resnet-18")


def test_a_pickle_in_transformers_folder_is_not_taken(saved_by_transformers: Path):
    (saved_by_transformers / "model.safetensors").unlink()
    torch.save({}, saved_by_transformers / "pytorch_model.bin")
    with pytest.raises(PlusxError, match="it cannot be loaded: OSError"):
        resnet18(weights=str(saved_by_transformers))


def test_what_transformers_would_fill_with_random_numbers_is_refused(tmp_path: Path):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    small = transformers.ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    transformers.ViTForImageClassification(small).save_pretrained(tmp_path / "vit")
    with pytest.raises(WrongUse, match="vit: weights of another network: it lacks"):
        resnet50(weights=str(tmp_path / "vit"))


@pytest.mark.parametrize(("library", "weights"), [("timm", "timm/resnet18"), ("transformers", "microsoft/resnet-18")])
def test_a_library_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, library: str, weights: str):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(PlusxError, match=rf"{weights}: needs {library}; pip install 'plusx\[hub\]'"):
        resnet18(weights=weights)
