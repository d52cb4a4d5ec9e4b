"""Fine-tuning: what is taken of a start, that it is exact, and what a person is told."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torchvision.models.feature_extraction import create_feature_extractor

import plusx
from plusx.api.plan import Plan
from plusx.api.resolve import resolve
from plusx.api.start import find_start
from plusx.archive import read_archive
from plusx.data.augment import Crop
from plusx.data.image import ImageSpec
from plusx.data.modalities import Spec
from plusx.data.samples import read_dataset
from plusx.model.zoo import ZOO
from plusx.training.recipe import Recipe, read_recipe
from plusx.training.run import RunFolder
from plusx.training.start import begin_from, read_start, write_start
from plusx.training.state import State
from plusx.training.watch import Silent, Step

QUICK = {"epochs": "3", "model_options.num_filters": "8"}


class Notes(Silent):
    def __init__(self, stop_after: int = 10**9) -> None:
        self.lines: list[str] = []
        self.stop_after = stop_after

    def note(self, text: str) -> None:
        self.lines.append(text)

    def stepped(self, step: Step) -> None:
        if step.step == self.stop_after:
            raise Killed


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def halves(digit_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The digits 0 to 4, and 3 to 7: two of the classes are the same."""
    root = tmp_path_factory.mktemp("halves")
    for name, labels in (("low", "01234"), ("middle", "34567")):
        for label in labels:
            shutil.copytree(digit_folder / "train" / label, root / name / label)
    return root / "low", root / "middle"


@pytest.fixture(scope="module")
def low(halves: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plusx.train(halves[0], out=tmp_path_factory.mktemp("runs") / "low", changes=QUICK).run


@pytest.fixture(scope="module")
def torchvisions(tmp_path_factory: pytest.TempPathFactory) -> tuple[torchvision.models.ResNet, Path]:
    """A network of torchvision's, nothing in it as a fresh one's, and its file."""
    torch.manual_seed(0)
    net = torchvision.models.resnet18().eval()
    for tensor in net.state_dict().values():
        if tensor.ndim == 1:
            tensor.add_(0.1 * torch.rand_like(tensor))
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(net.state_dict(), path)
    return net, path


def weights(run: Path) -> dict[str, np.ndarray]:
    return read_archive(run).weights


def equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_network_and_preprocessing_are_the_starts(low: Path, halves: tuple[Path, Path], tmp_path: Path) -> None:
    notes = Notes()
    tuned = plusx.train(halves[1], out=tmp_path / "run", start=low, watcher=notes, changes={"epochs": "1"})
    before, after = read_archive(low).manifest, read_archive(tuned.run).manifest
    assert after.preprocessing == before.preprocessing
    assert after.network == before.network
    assert after.classes == ("3", "4", "5", "6", "7")
    assert read_recipe(tuned.run / "recipe.json").name == "fine_tune"
    text = "\n".join(notes.lines)
    assert f"model: resnet8(num_filters=8) (that of {low})" in text
    assert f"from {low}: 54 of 56 tensors taken; of the head the classes of the same names" in text
    assert "otherwise" not in text


def test_the_first_step_begins_with_the_starts_weights(low: Path, halves: tuple[Path, Path], tmp_path: Path) -> None:
    # A rate that changes nothing shows what the first step had.
    changes = {"epochs": "0.1", "optimizer": '{"name": "sgd", "lr": 1e-30, "weight_decay": 0}', "average": "0.5"}
    tuned = plusx.train(halves[0], out=tmp_path / "run", start=low / "model.plusx", changes=changes)
    before, after = weights(low), weights(tuned.run)
    kept = [name for name in before if "running" not in name and "batches" not in name]
    assert equal({name: before[name] for name in kept}, {name: after[name] for name in kept})


def test_torchvisions_features_are_ours_before_the_first_step(
    torchvisions: tuple[torchvision.models.ResNet, Path], tmp_path: Path
) -> None:
    net, path = torchvisions
    start = find_start(path, "resnet18")
    stored = write_start(start, tmp_path / "start.safetensors")
    path_in = ImageSpec(height=64, width=64, channels=3)
    recipe = Recipe(model="resnet18", preprocessing=path_in, average=0.9)
    state = State(recipe, {"num_classes": 3}, torch.device("cpu"))
    said = begin_from(stored, state, ["a", "b", "c"])
    assert said == f"from {path}: 120 of 122 tensors taken; fresh: head.linear.weight, head.linear.bias"
    x = torch.randn(2, 3, 64, 64)
    extract = create_feature_extractor(net, {f"layer{k}": f"stage{k}" for k in (1, 2, 3, 4)})
    for averaged in (False, True):
        if averaged:
            assert state.average is not None
            state.network.load_state_dict(state.average.state)
        ours = state.net.eval().features(x)
        for name, wanted in extract(x).items():
            torch.testing.assert_close(ours[name], wanted, atol=1e-4, rtol=1e-4)


def test_what_is_stored_is_what_was_read(low: Path, tmp_path: Path) -> None:
    start = find_start(low, "auto")
    again = read_start(write_start(start, tmp_path / "start.safetensors"))
    assert (again.origin, again.network, again.preprocessing, again.classes, again.model) == (
        start.origin,
        start.network,
        start.preprocessing,
        start.classes,
        start.model,
    )
    assert all(torch.equal(again.weights[name], tensor) for name, tensor in start.weights.items())


@pytest.mark.parametrize(("stop_after", "every_s"), [(1, 1e9), (4, 0.0)], ids=["before a checkpoint", "after some"])
def test_a_killed_run_ends_bit_equal_though_its_start_is_gone(
    low: Path, halves: tuple[Path, Path], tmp_path: Path, stop_after: int, every_s: float
) -> None:
    changes = {"epochs": "2", "average": "0.9"}
    whole = plusx.train(halves[1], out=tmp_path / "whole", start=low, changes=changes)
    start = tmp_path / "start"
    shutil.copytree(low, start)
    run: dict[str, Any] = {"out": tmp_path / "killed", "changes": changes, "start": start}
    with pytest.raises(Killed):
        plusx.train(halves[1], watcher=Notes(stop_after), checkpoint_every_s=every_s, **run)
    shutil.rmtree(start)
    plusx.train(halves[1], out=tmp_path / "killed", resume=True)
    assert equal(weights(whole.run), weights(tmp_path / "killed"))


@pytest.mark.parametrize(("damage", "says"), [("gone", "cannot be read"), ("changed", "not what was written")])
def test_a_damaged_copy_is_no_start(
    low: Path, halves: tuple[Path, Path], tmp_path: Path, damage: str, says: str
) -> None:
    out = tmp_path / "run"
    with pytest.raises(Killed):
        plusx.train(halves[1], out=out, start=low, watcher=Notes(stop_after=1), checkpoint_every_s=1e9)
    kept = RunFolder(out).start
    data = kept.read_bytes()
    kept.unlink() if damage == "gone" else kept.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(plusx.PlusxError, match=rf"start\.safetensors: .*{says}") as caught:
        plusx.train(halves[1], out=out, resume=True)
    assert "\n" not in str(caught.value)


def test_a_resumed_run_has_one_start(low: Path, halves: tuple[Path, Path], tmp_path: Path) -> None:
    plusx.train(halves[1], out=tmp_path / "run", start=low, changes={"epochs": "1"})
    plusx.train(halves[1], out=tmp_path / "run", start=low, resume=True)
    with pytest.raises(plusx.WrongUse, match="has start="):
        plusx.train(halves[1], out=tmp_path / "run", start=tmp_path, resume=True)


def test_differences_are_named(low: Path, halves: tuple[Path, Path], tmp_path: Path) -> None:
    notes = Notes()
    changes = {"epochs": "1", "preprocessing.height": "10", "preprocessing.resampling": "bicubic"}
    plusx.train(halves[1], out=tmp_path / "run", start=low, watcher=notes, changes=changes)
    said = [line for line in notes.lines if "otherwise" in line]
    assert said == [
        f"prepared otherwise than for {low}, which may cost accuracy: height 10, there 8, resampling bicubic, there "
        "bilinear"
    ]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no file": ({"start": "none.pth"}, "--from none.pth: no such file or folder"),
    "no archive": ({"start": "none.plusx"}, "--from none.plusx: is not there"),
    "no run": ({"start": "tests"}, "a folder without model.plusx"),
    "no run of these": ({"start": "tests/none"}, "--from tests/none: no such file or folder"),
    "no network": ({"start": "torchvision/IMAGENET1K_V1"}, "name the network of these weights"),
    "other network": ({"model": "resnet34"}, "weights of another network: it lacks layer1.2.conv1.weight"),
    "whitened": (
        {"model": "resnet18", "changes": {"whiten": "true"}},
        "--set whiten=true: the first layer would not be that of --from",
    ),
    "bad fold": ({"fold": "6/5"}, "fold=6/5"),
}


@pytest.mark.parametrize(("choices", "says"), WRONG.values(), ids=WRONG.keys())
def test_wrong_starts_are_one_line_and_leave_nothing(
    halves: tuple[Path, Path],
    torchvisions: tuple[torchvision.models.ResNet, Path],
    tmp_path: Path,
    choices: dict[str, Any],
    says: str,
) -> None:
    with pytest.raises(plusx.PlusxError) as caught:
        plusx.train(halves[0], out=tmp_path / "run", **{"start": torchvisions[1], **choices})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_network_that_takes_nothing_is_refused(low: Path, halves: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(plusx.WrongUse, match="none of its layers fits into resnet50"):
        plusx.train(halves[0], out=tmp_path / "run", start=low, model="resnet50")


def test_other_dimensions_are_refused(halves: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "wave.pth"
    torch.save(ZOO["resnet10_1d"]().state_dict(), path)
    with pytest.raises(plusx.WrongUse, match="its network is for 1 dimensions, these examples have 2"):
        plusx.train(
            halves[0],
            out=tmp_path / "run",
            start=path,
            model="resnet10_1d",
        )


# What other libraries say of their weights.


@pytest.fixture
def photo() -> Image.Image:
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return coarse.resize((420, 333), Image.Resampling.BICUBIC)


def assert_prepares_as(spec: Spec, transform: Callable[[Image.Image], torch.Tensor], photo: Image.Image) -> None:
    """Two grey levels apart at most in the mean: their crops begin at whole pixels. Another crop would be seen."""
    assert isinstance(spec, ImageSpec)
    wanted = transform(photo).numpy()
    level = 1 / min(spec.std)
    assert np.abs(seen(spec, photo) - wanted).mean() < 2 * level
    assert np.abs(seen(spec.model_copy(update={"crop_fraction": 0.8}), photo) - wanted).mean() > 4 * level


def seen(spec: ImageSpec, photo: Image.Image) -> np.ndarray:
    """What the network gets, (channels, height, width)."""
    return ((spec.prepare(np.asarray(photo)) - np.array(spec.mean)) / np.array(spec.std)).transpose(2, 0, 1)


def test_torchvisions_preprocessing_and_classes(
    torchvisions: tuple[torchvision.models.ResNet, Path], photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = torchvisions[0].state_dict()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda url, **options: state)
    start = find_start("torchvision/IMAGENET1K_V1", "resnet18")
    record = torchvision.models.ResNet18_Weights.IMAGENET1K_V1
    assert start.classes == tuple(record.meta["categories"])
    assert start.preprocessing is not None
    assert_prepares_as(start.preprocessing, record.transforms(), photo)


def test_timms_preprocessing(photo: Image.Image) -> None:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    from timm.data.config import resolve_data_config
    from timm.data.transforms_factory import create_transform

    from plusx.data.modalities import spec_from_json
    from plusx.model.published import read_origin

    preprocessing = read_origin("timm/resnet18.a1_in1k").preprocessing
    assert preprocessing is not None
    config = resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg("resnet18.a1_in1k").to_dict())
    wanted: Any = create_transform(**config)
    assert_prepares_as(spec_from_json(preprocessing), wanted, photo)


def test_a_recipes_crops_follow_the_starts_size(
    torchvisions: tuple[torchvision.models.ResNet, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        Image.new("RGB", (300, 200), "red" if label == "a" else "blue").save(tmp_path / label / "1.png")
    state = torchvisions[0].state_dict()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda url, **options: state)
    plan = Plan(tmp_path, start="torchvision/IMAGENET1K_V1", model="resnet18")
    recipe = resolve(plan, read_dataset(tmp_path).split("train"), find_start("torchvision/IMAGENET1K_V1", "resnet18"))
    assert recipe.preprocessing.shape == (3, 224, 224)
    assert recipe.model == "resnet18"
    assert {(one.height, one.width) for one in recipe.augment if isinstance(one, Crop)} == {(224, 224)}
    assert recipe.stored_size is not None
    assert min(recipe.stored_size) >= 224
