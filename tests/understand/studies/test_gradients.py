"""Lengths of gradients, held to torch.autograd over a forward pass that is written out."""

import pytest
import torch
from torch.nn import functional

from plusx.data.loader import in_order
from plusx.training.state import State
from plusx.understand.studies.gradient_drawings import VANISHED
from plusx.understand.studies.gradient_norms import CASES, gradient_norms, start_with_unit_gain
from plusx.understand.studies.gradients import GRADIENTS, answer, findings
from plusx.understand.studies.pictures import Pictures
from plusx.understand.studies.spread import Row
from plusx.understand.studies.study import Settings
from plusx.understand.studies.training import first_state


@pytest.mark.parametrize("case", CASES)
def test_they_are_autograds(case: str, settings: Settings, pictures: Pictures) -> None:
    state = first_state(settings, pictures, 2, 0, dict(CASES[case].options))
    batch = next(in_order(pictures.train, 32))
    found = gradient_norms(state.network, batch)

    net = state.net.train()
    x = net.stem(state.network.get_submodule("front")(batch.inputs))
    maps = []
    for stage in net.stages:
        for block in stage.children():
            x = block(x)
            maps.append(x)
    loss = functional.cross_entropy(net.head(x), batch.targets)
    # What an activation in place overwrites is not asked for: only blocks' outputs and weights are.
    weights = [p for name, p in net.stages.named_parameters() if "conv" in name and name.endswith("weight")]
    wanted = [grad.double().norm().item() for grad in torch.autograd.grad(loss, [*weights, *maps])]
    assert found.weights + found.maps == pytest.approx(wanted, rel=1e-5)
    assert (len(found.weights), len(found.maps)) == (12, 6)


def test_the_network_stays_as_it_is(state: State, pictures: Pictures) -> None:
    before = {name: tensor.clone() for name, tensor in state.network.state_dict().items()}
    gradient_norms(state.network, next(in_order(pictures.train, 32)))
    assert all(torch.equal(tensor, before[name]) for name, tensor in state.network.state_dict().items())
    assert all(parameter.grad is None for parameter in state.network.parameters())


def test_unit_gain_is_glorot_and_bengios(settings: Settings, pictures: Pictures) -> None:
    wide = settings.model_copy(update={"width": 64})
    net = first_state(wide, pictures, 1, 0, {"norm": "none"}).net
    start_with_unit_gain(net)
    weight = net.get_parameter("stages.0.0.branch.conv1.weight")
    assert weight.var().item() == pytest.approx(2 / (64 * 9 + 64 * 9), rel=0.03)


def made(arrives: dict[str, float], errors: dict[str, float]) -> list[Row]:
    about = [{"case": case, "layers": 56, "seed": seed} for case in CASES for seed in range(3)]
    start = [{"moment": "start", **one, "epoch": 0, "arrives": arrives.get(one["case"], 1.0)} for one in about]
    ends = [{"moment": "end", **one, "train_error": errors.get(one["case"], 0.1) + one["seed"] / 1e3} for one in about]
    during = [{**row, "moment": "training"} for row in start]
    return [*start, *during, *ends]


def test_findings_follow_from_the_rows() -> None:
    vanishing = {"plain, no norm, unit gain": VANISHED / 100, "residual, batch norm": 8.0}
    rows = made(vanishing, {"plain, batch norm": 0.3})
    assert [finding.status for finding in findings(rows)] == ["shown"] * 6
    assert "not what shortcuts were needed for" in answer(rows)[1]
    assert "does not mean that it is even" in answer(rows)[2]
    rows = made({"plain, batch norm": VANISHED / 10, "residual v2, batch norm": 1 / 16}, {})
    statuses = [finding.status for finding in findings(rows)]
    assert statuses == ["contrary", "shown", "contrary", "shown", "not shown", "contrary"]
    assert len(answer(rows)) == 2
    rows = made({"plain, batch norm": 2 / VANISHED}, {})
    assert findings(rows)[3].status == "contrary"
    assert GRADIENTS.answer is answer
