import math
import os
import signal
from pathlib import Path

import pytest
import torch
from jobs import digits, job, recipe

from plusx.data.mix import Mix
from plusx.errors import PlusxError
from plusx.tasks.classify import Classify
from plusx.training.checkpoint import checkpoint_paths, load_latest
from plusx.training.lookahead import Lookahead
from plusx.training.loop import fit
from plusx.training.recipe import AdamW, Muon, Recipe, Sgd
from plusx.training.resize import Resize
from plusx.training.state import State
from plusx.training.step import score
from plusx.training.watch import Silent, Step


class StopAt(Silent):
    """Presses Ctrl-C after a step."""

    def __init__(self, step: int):
        self.at = step

    def stepped(self, step: Step) -> None:
        if step.step == self.at:
            os.kill(os.getpid(), signal.SIGINT)


def weights(state: State) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in state.network.state_dict().items()}


def assert_bit_equal(one: State, other: State) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


RECIPES = {
    "sgd": recipe(),
    "adamw": recipe(optimizer=AdamW(lr=0.003), average=None),
    "early stopping": recipe(patience=2, epochs=8),
    "contiguous": recipe(channels_last=False),
    "bfloat16": recipe(precision="bfloat16"),
    "as int8": recipe(fake_int8=True),
    "as int8, many passes": recipe(fake_int8=True, learn_from=0.5, sharpness=0.05, precision="bfloat16"),
    "selection": recipe(learn_from=0.3),
    "sharpness": recipe(sharpness=0.05),
    "resize": recipe(resize=Resize(), mix=Mix()),
    "all methods": recipe(
        learn_from=0.5, sharpness=0.05, resize=Resize(), lookahead=Lookahead(k=4), optimizer=Muon(), patience=9
    ),
    "lookahead": recipe(lookahead=Lookahead(k=4), average=None, patience=9),
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
def test_a_stopped_run_ends_bit_equal(tmp_path: Path, recipe: Recipe) -> None:
    whole = fit(job(tmp_path / "whole", recipe))
    stopped = tmp_path / "stopped"
    for step in (3, 10, 17):
        with pytest.raises(KeyboardInterrupt):
            fit(job(stopped, recipe, StopAt(step)))
    resumed = fit(job(stopped, recipe))
    assert_bit_equal(whole, resumed)
    clockless = [
        [{k: v for k, v in row.items() if k not in ("elapsed_s", "samples_per_s")} for row in rows]
        for rows in (job(tmp_path / "whole", recipe).run.read_metrics(), job(stopped, recipe).run.read_metrics())
    ]
    assert clockless[0] == clockless[1]
    assert len(clockless[0]) >= 3


def test_the_seed_decides_everything(tmp_path: Path) -> None:
    one, same = fit(job(tmp_path / "1", recipe())), fit(job(tmp_path / "2", recipe(), checkpoint_every_s=0))
    assert_bit_equal(one, same)
    other = fit(job(tmp_path / "3", recipe(seed=1)))
    assert not torch.equal(weights(one)["net.head.linear.weight"], weights(other)["net.head.linear.weight"])


def test_it_learns(tmp_path: Path) -> None:
    easy = recipe(model_options={"num_filters": 16}, augment=(), epochs=12)
    state = fit(job(tmp_path, easy))
    _, accuracy = score(state.network.eval(), Classify(), digits(100, 300), torch.device("cpu"))
    assert accuracy > 0.9
    rows = job(tmp_path, easy).run.read_metrics()
    assert [row["epoch"] for row in rows] == list(range(1, 13))
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    assert rows[-1]["val_accuracy"] == accuracy


def test_a_checkpoint_falls_due_by_time(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(job(tmp_path, recipe(), StopAt(5), checkpoint_every_s=0))
    assert [path.name for path in checkpoint_paths(tmp_path / "checkpoints")] == ["step-0000000005", "step-0000000006"]


def test_a_loss_that_is_no_number_stops_before_the_update(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(job(tmp_path, recipe(), StopAt(4)))
    wild = job(tmp_path, recipe(optimizer=Sgd(lr=1e30), clip_norm=None, average=None))
    with pytest.raises(
        PlusxError, match=r"in the batch of step \d+ .*last good checkpoint is of step 5.*optimizer.lr="
    ):
        fit(wild)
    last, _ = load_latest(tmp_path / "checkpoints")
    assert last is not None
    assert last.step == 5
    assert all(torch.isfinite(tensor).all() for name, tensor in last.tensors.items() if tensor.is_floating_point())


def test_early_stopping_keeps_the_best(tmp_path: Path) -> None:
    patient = recipe(patience=1, epochs=40, optimizer=Sgd(lr=0.5), average=None)
    state = fit(job(tmp_path, patient))
    rows = job(tmp_path, patient).run.read_metrics()
    losses = [row["val_loss"] for row in rows]
    best = min(range(len(losses)), key=losses.__getitem__)
    assert len(rows) < 40
    assert best == len(rows) - 2
    loss, _ = score(state.network.eval(), Classify(), digits(100, 300), torch.device("cpu"))
    assert loss == pytest.approx(losses[best], rel=1e-5)


def test_the_average_is_what_is_kept(tmp_path: Path) -> None:
    averaged = fit(job(tmp_path, recipe()))
    assert averaged.average is not None
    assert all(torch.equal(weights(averaged)[name], tensor) for name, tensor in averaged.average.state.items())


def test_scores_count_every_example_once(tmp_path: Path) -> None:
    state = State(recipe(), {"num_classes": 10}, torch.device("cpu"))
    with torch.no_grad():
        state.net.get_parameter("head.linear.weight").zero_()
        state.net.get_parameter("head.linear.bias").zero_()
    loss, accuracy = score(state.network.eval(), Classify(), digits(700, 0), torch.device("cpu"))
    assert loss == pytest.approx(math.log(10), rel=1e-5)
    assert accuracy == (digits(700, 0).targets == 0).mean()
