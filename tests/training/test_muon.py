import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from plusx.model.fronts import channels_last
from plusx.model.resnet import ResNet
from plusx.training.muon import all_orthogonalised, filter_banks, orthogonalised
from plusx.training.optim import Muon, build_optimizer


def textbook(matrix: Tensor, steps: int) -> Tensor:
    """The iteration as it is written, on the matrix itself, in double precision."""
    x = matrix.double() / matrix.double().norm()
    for _ in range(steps):
        square = x @ x.T
        x = 3.4445 * x - 4.7750 * square @ x + 2.0315 * square @ square @ x
    return x


@given(st.integers(1, 24), st.integers(4, 8), st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_singular_values_come_near_one(rows: int, wider: int, seed: int) -> None:
    matrix = torch.randn(rows, rows * wider, generator=torch.Generator().manual_seed(seed))
    values = torch.linalg.svdvals(orthogonalised(matrix))
    assert values.min() > 0.65
    assert values.max() < 1.25


@pytest.mark.parametrize("shape", [(1, 9), (5, 5), (8, 3), (16, 144)])
@pytest.mark.parametrize("steps", [1, 3, 5])
def test_is_the_iteration_as_it_is_written(shape: tuple[int, int], steps: int) -> None:
    torch.manual_seed(1)
    matrix = torch.randn(shape)
    torch.testing.assert_close(orthogonalised(matrix, steps).double(), textbook(matrix, steps), atol=3e-6, rtol=0)


@pytest.mark.parametrize("scale", [1e-10, 1.0, 1e10])
def test_neither_scale_nor_transposing_nor_company_matters(scale: float) -> None:
    torch.manual_seed(2)
    matrix = torch.randn(6, 20)
    alone = orthogonalised(matrix)
    torch.testing.assert_close(orthogonalised(matrix * scale), alone)
    torch.testing.assert_close(orthogonalised(matrix.T), alone.T)
    company = all_orthogonalised([torch.randn(20, 6), matrix, torch.randn(6, 7), torch.randn(3, 3)])
    torch.testing.assert_close(company[1], alone)
    assert [tuple(each.shape) for each in company] == [(20, 6), (6, 20), (6, 7), (3, 3)]


def test_singular_vectors_stay() -> None:
    torch.manual_seed(3)
    left, _, right = torch.linalg.svd(torch.randn(4, 32, dtype=torch.float64), full_matrices=False)
    matrix = left @ torch.diag(torch.tensor([4.0, 3.0, 2.0, 1.0], dtype=torch.float64)) @ right
    turned = left.T @ orthogonalised(matrix) @ right.T
    torch.testing.assert_close(turned, torch.diag(turned.diagonal()), atol=1e-12, rtol=0)
    assert turned.diagonal().min() > 0


def test_zero_stays_zero() -> None:
    assert orthogonalised(torch.zeros(3, 5)).eq(0).all()


@pytest.mark.parametrize(
    ("options", "left_out"),
    [
        ({}, 1),
        ({"stem": "deep_d", "shortcut": "D"}, 1),
        ({"attention": "se"}, 1 + 2 * 2),
        ({"attention": "eca"}, 1 + 2),
        ({"dims": 1}, 1),
        ({"dims": 3}, 1),
    ],
)
def test_every_filter_bank_before_a_normalisation_but_the_first(options: dict, left_out: int) -> None:
    net = ResNet([1, 1], 16, **options)
    weights = [weight for weight in net.parameters() if weight.ndim > 2]
    banks = filter_banks(net)
    assert len(weights) - len(banks) == left_out
    assert weights[0] is not banks[0]


def test_without_normalisation_there_is_nothing_for_it() -> None:
    assert filter_banks(ResNet([1], 4, norm="none")) == []


@pytest.mark.parametrize("last", [True, False], ids=["channels last", "contiguous"])
def test_two_steps_as_written(last: bool) -> None:
    torch.manual_seed(4)
    net = ResNet([1], 8, in_channels=1)
    if last:
        channels_last(net)
    model = Muon(lr=0.05, momentum=0.6, other_lr=0.2, other_momentum=0.9, weight_decay=0.01)
    optimizer = build_optimizer(net, model)
    banks = {id(bank) for bank in filter_banks(net)}
    weights = {name: (parameter, parameter.detach().double()) for name, parameter in net.named_parameters()}
    velocity: dict[str, Tensor] = {name: torch.zeros(()) for name in weights}
    expected = {name: start for name, (_, start) in weights.items()}
    for _ in range(2):
        for name, (parameter, _) in weights.items():
            gradient = torch.randn(parameter.shape)
            parameter.grad = gradient.clone(memory_format=torch.preserve_format)
            now, pull = expected[name], gradient.double()
            if id(parameter) in banks:
                velocity[name] = 0.6 * velocity[name] + pull
                turned = textbook((pull + 0.6 * velocity[name]).flatten(1), 3)
                expected[name] = now * len(now) ** 0.5 / now.norm() - 0.05 * turned.view(now.shape)
            else:
                pull = pull + (0.01 if now.ndim > 1 else 0.0) * now
                velocity[name] = 0.9 * velocity[name] + pull
                expected[name] = now - 0.2 * (pull + 0.9 * velocity[name])
        optimizer.step()
    for name, (parameter, _) in weights.items():
        torch.testing.assert_close(parameter.detach().double(), expected[name], atol=2e-6, rtol=2e-6)


def test_it_fits_faster_than_no_update() -> None:
    torch.manual_seed(5)
    net = ResNet([1, 1], 8, in_channels=1, num_classes=2)
    inputs = torch.randn(32, 1, 8, 8)
    targets = (inputs.mean(dim=(1, 2, 3)) > 0).long()
    optimizer = build_optimizer(net, Muon(lr=0.05, other_lr=0.05))
    losses = []
    for _ in range(20):
        loss = nn.functional.cross_entropy(net(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 5
