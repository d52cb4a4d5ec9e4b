import pytest
import timm.optim
import torch
from torch import Tensor, nn

from plusx.model.resnet import ResNet
from plusx.training.groups import decays
from plusx.training.lamb import LambOptimizer
from plusx.training.optim import Lamb, build_optimizer


def network() -> ResNet:
    torch.manual_seed(0)
    return ResNet([1, 1], 4, in_channels=1)


def trained(net: nn.Module, optimizer: torch.optim.Optimizer, pull: float) -> list[Tensor]:
    random = torch.Generator().manual_seed(1)
    for _ in range(12):
        for parameter in net.parameters():
            parameter.grad = pull * torch.randn(parameter.shape, generator=random)
        optimizer.step()
    return [parameter.detach() for parameter in net.parameters()]


@pytest.mark.parametrize("max_norm", [1.0, None])
@pytest.mark.parametrize("pull", [1e-3, 10.0], ids=["short gradients", "long gradients"])
def test_goes_where_timms_goes(max_norm: float | None, pull: float) -> None:
    model = Lamb(lr=0.02, weight_decay=0.05, max_norm=max_norm)
    ours = network()
    theirs = network()
    groups = [
        {"params": [parameter for parameter in theirs.parameters() if decays(parameter)], "weight_decay": 0.05},
        {"params": [parameter for parameter in theirs.parameters() if not decays(parameter)], "weight_decay": 0.0},
    ]
    peer = timm.optim.Lamb(groups, lr=0.02, max_grad_norm=max_norm)
    for one, other in zip(trained(ours, build_optimizer(ours, model), pull), trained(theirs, peer, pull), strict=True):
        torch.testing.assert_close(one, other, atol=2e-6, rtol=2e-5)
    assert not torch.equal(next(ours.parameters()), next(network().parameters()))


def test_weights_that_are_zero_move() -> None:
    weight = nn.Parameter(torch.zeros(2, 2))
    weight.grad = torch.ones(2, 2)
    LambOptimizer([{"params": [weight], "lr": 0.1, "betas": (0.9, 0.999), "weight_decay": 0.01}]).step()
    torch.testing.assert_close(weight.detach(), torch.full((2, 2), -0.1), atol=1e-5, rtol=0)


def test_what_has_no_gradient_stays() -> None:
    weight = nn.Parameter(torch.ones(2, 2))
    optimizer = LambOptimizer([{"params": [weight], "lr": 0.1, "betas": (0.9, 0.999), "weight_decay": 0.01}])
    optimizer.step()
    assert weight.eq(1).all()
    assert optimizer.state_dict()["state"] == {}
