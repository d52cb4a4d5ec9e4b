"""Training in many processes is the training of one: the same order, losses and figures, however they fail or leave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs import digits
from worlds import (
    all_fail,
    conversation,
    in_world,
    normalisation_case,
    normalised,
    one_dies,
    one_fails,
    scores,
    torn_training,
    training,
)

from plusx.data.augment import Shift
from plusx.data.loader import Loader
from plusx.data.mix import Mix
from plusx.training.checkpoint import checkpoint_paths
from plusx.training.distributed import World
from plusx.training.lookahead import Lookahead
from plusx.training.recipe import Sgd
from plusx.training.resize import Resize

SIZES = st.integers(1, 8)


@given(size=SIZES, count=st.integers(0, 100), unit=st.integers(1, 7))
def test_shares_follow_one_another_and_miss_nothing(size: int, count: int, unit: int) -> None:
    parts = [World(rank, size).share(count, unit) for rank in range(size)]
    places = [list(range(count))[part] for part in parts]
    assert [place for own in places for place in own] == list(range(count))
    assert all(part.start % unit == 0 for part, own in zip(parts, places, strict=True) if own)
    lengths = [len(own) for own in places]
    assert max(lengths) - min(lengths) < 2 * unit


@settings(max_examples=60, deadline=None)
@given(
    size=SIZES,
    more=st.integers(0, 30),
    seed=st.integers(0, 2**32 - 1),
    step=st.integers(0, 10**9),
    mixed=st.booleans(),
)
def test_processes_together_take_the_batch_of_one(size: int, more: int, seed: int, step: int, mixed: bool) -> None:
    batch_size = 2 * size + more

    def loader(part: slice) -> Loader:
        mix = Mix(mixup=0.5, cutmix=0.5) if mixed else None
        return Loader(PREPARED, batch_size, seed, (Shift(reach=1),), mix=mix, part=part)

    whole = loader(slice(None)).batch(step)
    parts = [loader(World(rank, size).share(batch_size, unit=2)).batch(step) for rank in range(size)]
    assert torch.equal(torch.cat([part.inputs for part in parts]), whole.inputs)
    assert torch.equal(torch.cat([part.targets for part in parts]), whole.targets)


PREPARED = digits(37, 0)


@settings(max_examples=40, deadline=None)
@given(size=SIZES, batch_size=st.integers(1, 50), first=st.integers(0, 500), change=st.integers(0, 40), other=SIZES)
def test_no_example_is_lost_or_repeated_whatever_the_world(
    size: int, batch_size: int, first: int, change: int, other: int
) -> None:
    """The world changes after some steps; every example still comes exactly once an epoch."""
    numbered = digits(37, 0)
    numbered.samples.targets[:] = np.arange(37)
    steps = change + 37 * 2 // batch_size + 1
    seen: list[int] = []
    for step in range(first, first + steps):
        now = size if step < first + change else other
        for rank in range(now):
            part = World(rank, now).share(batch_size, unit=2)
            seen += Loader(numbered, batch_size, seed=3, part=part).batch(step).targets.tolist()
    start = -first * batch_size % 37
    for epoch in range(start, len(seen) - 36, 37):
        assert sorted(seen[epoch : epoch + 37]) == list(range(37))


def test_processes_tell_one_another() -> None:
    said = in_world(3, conversation)
    assert said == [["0 from 0", rank, [1.5, 3.0], "1 from 0", rank, [1.5, 3.0]] for rank in range(3)]


def test_alone_everything_is_said_of_one() -> None:
    world = World()
    with world.in_turn():
        world.meet()
    assert world.leads
    assert world.told(lambda: "it") == "it"
    assert world.replicate(network := torch.nn.Linear(1, 1)) is network


def test_one_process_says_what_failed() -> None:
    assert in_world(3, one_fails, 1) == [("SystemExit", "1"), ("PlusxError", "only 1"), ("SystemExit", "1")]
    alike = in_world(2, all_fail)
    assert sorted(alike) == [("PlusxError", "the same everywhere"), ("SystemExit", "1")]
    gone = in_world(3, one_dies, 2)
    assert sorted(kind for kind, _ in gone) == ["PlusxError", "SystemExit", "SystemExit"]
    assert any("another process is gone" in text for _, text in gone)


@pytest.mark.parametrize(("dims", "affine"), [(1, True), (2, True), (3, True), (2, False)])
def test_synchronised_normalisation_is_that_of_the_whole_batch(dims: int, affine: bool) -> None:
    network, x, weight = normalisation_case(dims, affine)
    outputs = network(x)
    (outputs * weight).sum().backward()
    parts = in_world(3, normalised, dims, affine)
    close = {"rtol": 1e-10, "atol": 1e-10}
    np.testing.assert_allclose(np.concatenate([part["outputs"] for part in parts]), outputs.detach(), **close)
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        np.testing.assert_allclose(sum(part["gradients"][name] for part in parts), parameter.grad, **close)
    for part in parts:
        assert part["state"].keys() == network.state_dict().keys()
        for name, tensor in network.state_dict().items():
            np.testing.assert_allclose(part["state"][name], tensor, **close)
    still = network.eval()(x).detach()
    np.testing.assert_allclose(np.concatenate([part["still"] for part in parts]), still, **close)


def test_shared_scores_are_those_of_one_process() -> None:
    alone = in_world(1, scores)[0]
    for together in in_world(3, scores):
        assert together[1] == alone[1]
        assert together[0] == pytest.approx(alone[0], rel=1e-12)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return in_world(1, training, tmp_path_factory.mktemp("alone"), GROUP)[0]


GROUP = {"epochs": 1.5, "model_options": {"num_filters": 8, "norm": "group"}}
SYNCED = {"epochs": 0.4, "model_options": {"num_filters": 8}, "sync_norm": True, "optimizer": Sgd(lr=1e-3)}


def assert_same_training(one: dict, other: dict, rel: float = 1e-4) -> None:
    np.testing.assert_allclose(one["losses"], other["losses"], rtol=rel)
    assert [row["step"] for row in one["rows"]] == [row["step"] for row in other["rows"]]
    for row, there in zip(one["rows"], other["rows"], strict=True):
        assert row["val_loss"] == pytest.approx(there["val_loss"], rel=rel)
        assert row["train_loss"] == pytest.approx(there["train_loss"], rel=rel)
        assert row["val_accuracy"] == pytest.approx(there["val_accuracy"], abs=0.011)
    for name, weight in one["weights"].items():
        np.testing.assert_allclose(weight, other["weights"][name], rtol=0.01, atol=1e-3, err_msg=name)


@pytest.mark.parametrize("size", [2, 4])
def test_the_loss_curve_is_that_of_one_process(tmp_path: Path, alone: dict, size: int) -> None:
    together = in_world(size, training, tmp_path, GROUP)
    assert_same_training(together[0], alone)
    for other in together[1:]:
        assert all((other["weights"][name] == weight).all() for name, weight in together[0]["weights"].items())


@pytest.mark.parametrize(
    "changes",
    [{"sharpness": 0.05}, {"sharpness": 0.05, **SYNCED}, {"lookahead": Lookahead(k=4)}, {"resize": Resize(), **SYNCED}],
    ids=["sharpness", "sharpness, synchronised", "lookahead", "resize, synchronised"],
)
def test_each_method_does_what_it_does_in_one_process(tmp_path: Path, changes: dict) -> None:
    alone = in_world(1, training, tmp_path / "1", {**GROUP, "epochs": 0.7, **changes})[0]
    together = in_world(2, training, tmp_path / "2", {**GROUP, "epochs": 0.7, **changes})
    assert_same_training(together[0], alone, rel=1e-3 if "sync_norm" in changes else 1e-4)
    for name, weight in together[0]["weights"].items():
        assert (together[1]["weights"][name] == weight).all()


def test_processes_that_round_by_their_own_parts_keep_the_same_weights(tmp_path: Path) -> None:
    together = in_world(2, training, tmp_path, {**GROUP, "epochs": 0.7, "fake_int8": True})
    assert np.isfinite(together[0]["losses"]).all()
    for name, weight in together[0]["weights"].items():
        assert (together[1]["weights"][name] == weight).all()


def test_with_synchronised_normalisation_too(tmp_path: Path) -> None:
    alone = in_world(1, training, tmp_path / "1", SYNCED)[0]
    together = in_world(3, training, tmp_path / "3", SYNCED)
    assert_same_training(together[0], alone, rel=1e-3)
    apart = in_world(3, training, tmp_path / "apart", {**SYNCED, "sync_norm": False})
    assert apart[0]["losses"][0] != pytest.approx(alone["losses"][0], rel=1e-4)


def test_ctrl_c_in_one_process_stops_all_and_another_world_goes_on(tmp_path: Path, alone: dict) -> None:
    stopped = in_world(2, training, tmp_path, GROUP, 6)
    assert stopped == [("KeyboardInterrupt", ""), ("SystemExit", "1")]
    (checkpoint,) = checkpoint_paths(tmp_path / "checkpoints")
    assert checkpoint.name in ("step-0000000006", "step-0000000007")
    resumed = in_world(3, training, tmp_path, GROUP)[0]
    done = int(checkpoint.name[5:])
    assert_same_training({**resumed, "losses": alone["losses"][:done] + resumed["losses"]}, alone)


def test_a_loss_that_is_no_number_stops_all(tmp_path: Path) -> None:
    wild = in_world(2, training, tmp_path, {**GROUP, "optimizer": Sgd(lr=1e30), "clip_norm": None})
    assert sorted(kind for kind, _ in wild) == ["PlusxError", "SystemExit"]
    assert any("the loss is" in text for _, text in wild)


def test_a_batch_is_not_shared_by_too_many(tmp_path: Path) -> None:
    refused = in_world(3, training, tmp_path, {**GROUP, "batch_size": 5})
    assert sorted(kind for kind, _ in refused) == ["SystemExit", "SystemExit", "WrongUse"]
    assert any("--set batch_size=5: too few for 3 processes" in text for _, text in refused)


def test_processes_that_see_other_folders_say_so(tmp_path: Path) -> None:
    in_world(1, training, tmp_path / "0", {**GROUP, "epochs": 0.2})
    torn = in_world(2, torn_training, tmp_path)
    assert sorted(kind for kind, _ in torn) == ["PlusxError", "SystemExit"]
    assert any("--out must be a folder that all machines share" in text for _, text in torn)
