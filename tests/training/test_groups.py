import pytest
import torch
from torch import nn

from plusx.errors import WrongUse
from plusx.model.fronts import with_front
from plusx.model.resnet import ResNet
from plusx.training.groups import decays, freeze, frozen_modules, parameter_groups, sections


def network() -> ResNet:
    torch.manual_seed(0)
    return ResNet([1, 2, 1], 4, in_channels=1)


def peaks(net: nn.Module, rate_decay: float) -> dict[str, float]:
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    groups = parameter_groups(net, lambda parameter: {"peak": 0.2}, rate_decay)
    return {names[id(parameter)]: group["peak"] for group in groups for parameter in group["params"]}


def test_sections_hold_every_weight_once() -> None:
    net = network()
    held = [parameter for section in sections(net) for parameter in section.parameters()]
    assert [id(parameter) for parameter in held] == [id(parameter) for parameter in net.parameters()]


def test_the_network_is_found_behind_its_front() -> None:
    net = network()
    front = {"modality": "image", "mean": [0.0], "std": [1.0]}
    assert [id(part) for part in sections(with_front(front, net))] == [id(part) for part in sections(net)]


def test_each_stage_has_its_share_of_the_next_ones_rate() -> None:
    found = peaks(network(), 0.5)
    expected = {"stem": 0.2 / 16, "stages.0": 0.2 / 8, "stages.1": 0.2 / 4, "stages.2": 0.2 / 2, "head": 0.2}
    for name, peak in found.items():
        assert peak == pytest.approx(next(value for start, value in expected.items() if name.startswith(start)))
    assert len(found) == len(list(network().parameters()))


def test_without_decay_of_rates_all_have_one() -> None:
    assert set(peaks(network(), 1.0).values()) == {0.2}
    groups = parameter_groups(network(), lambda parameter: {"peak": 0.2, "decays": decays(parameter)})
    assert [group["decays"] for group in groups] == [True, False]
    assert all(group["lr"] == group["peak"] for group in groups)


@pytest.mark.parametrize("frozen", [0, 1, 2, 3])
def test_what_is_frozen_stays_bit_equal_with_its_normalisations(frozen: int) -> None:
    net = network()
    freeze(net.train(), frozen)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    rate = torch.optim.SGD(parameter_groups(net, lambda parameter: {"peak": 0.1}))
    net(torch.randn(4, 1, 8, 8)).square().sum().backward()
    rate.step()
    changed = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    parts = ["stem", "stages.0", "stages.1", "stages.2", "head"]
    moving = {part for part in parts if any(name.startswith(part) for name in changed)}
    assert moving == set(parts[frozen + 1 :] if frozen else parts)


def test_freezing_outlasts_training_mode_when_it_is_called_again() -> None:
    net = network()
    freeze(net, 1)
    freeze(net.train(), 1)
    assert not any(module.training for part in frozen_modules(net, 1) for module in part.modules())
    assert net.stages[1].training
    assert net.head.training


def test_more_stages_than_there_are_cannot_be_frozen() -> None:
    with pytest.raises(WrongUse, match=r"frozen=4.* has 3 stages"):
        freeze(network(), 4)
