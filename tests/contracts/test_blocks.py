"""What every block keeps, in any dimensions and with any options: a new line in BLOCKS is tested by this."""

from collections.abc import Iterator
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from plusx.model.blocks import BLOCKS, Place
from plusx.model.layers import Antialias, Attention, Layers, Norm
from plusx.model.shortcuts import SHORTCUTS
from plusx.residual import Residual

DIMS = (1, 2, 3)
ALL_SHORTCUTS = (*SHORTCUTS, None)


def build(
    name: str, dims: int = 2, shortcut: str | None = "B", *, stride: int = 2, same: bool = False, **layers
) -> nn.Module:
    """A block of `name` from 8 channels to 8 filters, or one that keeps its shape."""
    kind = BLOCKS[name]
    place = Place(
        channels=8 * kind.expansion if same else 8,
        filters=8,
        stride=1 if same else stride,
        inner=8,
        groups=2 if kind.grouped else 1,
        dropout=0.2 if kind.dropout else 0,
        drop_branch=0 if shortcut is None else 0.2,
    )
    return kind.build(Layers(dims, **layers), place, shortcut)


def example(dims: int, channels: int = 8, size: int = 5, batch: int = 3) -> Tensor:
    return torch.randn((batch, channels) + (size,) * dims, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("antialias", get_args(Antialias))
@pytest.mark.parametrize("attention", get_args(Attention))
@pytest.mark.parametrize("norm", get_args(Norm))
@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize("name", BLOCKS)
def test_shape_and_gradients(name: str, dims: int, norm: Norm, attention: Attention, antialias: Antialias):
    block = build(name, dims, norm=norm, attention=attention, antialias=antialias)
    x = example(dims).requires_grad_()
    y = block(x)
    assert y.shape == (3, 8 * BLOCKS[name].expansion) + (3,) * dims
    y.square().sum().backward()
    gradients = [x.grad, *(parameter.grad for parameter in block.parameters())]
    for gradient in gradients:
        assert gradient is not None
        assert gradient.isfinite().all()
    assert gradients[0].any()


@pytest.mark.parametrize("shortcut", ALL_SHORTCUTS)
@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize("name", BLOCKS)
def test_every_shortcut_fits_every_block(name: str, dims: int, shortcut: str | None):
    for stride in (1, 2, 3):
        for size in (1, 2, 6, 7):
            block = build(name, dims, shortcut, stride=stride).eval()
            y = block(example(dims, size=size))
            assert y.shape == (3, 8 * BLOCKS[name].expansion) + (-(-size // stride),) * dims


@pytest.mark.parametrize("norm", get_args(Norm))
@pytest.mark.parametrize("shortcut", ALL_SHORTCUTS)
@pytest.mark.parametrize("name", BLOCKS)
def test_is_its_branch_plus_its_shortcut_and_leaves_its_input_alone(name: str, shortcut: str | None, norm: Norm):
    block = build(name, shortcut=shortcut, same=True, norm=norm).eval()
    x = example(2, channels=8 * BLOCKS[name].expansion)
    before = x.clone()
    y = block(x)
    assert torch.equal(x, before)

    preact = getattr(block, "preact", nn.Identity())
    residual = block if isinstance(block, Residual) else block.residual
    start = preact(before.clone())
    total = residual.branch(start.clone())
    if shortcut is not None:
        total = total + residual.shortcut(start.clone())
    assert torch.equal(y, total.relu() if BLOCKS[name].activates else total)


@pytest.mark.parametrize("name", BLOCKS)
def test_whatever_is_added_is_added_by_residual(name: str):
    block = build(name)
    assert sum(isinstance(module, Residual) for module in block.modules()) == 1


@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize("name", BLOCKS)
def test_compiles_whole(name: str, dims: int, fresh_compiler: None):
    block = build(name, dims, attention="se", antialias="blur")
    compiled = torch.compile(block, fullgraph=True, backend="aot_eager")
    x = example(dims).requires_grad_()
    compiled(x).square().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    block.eval()
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), block(x))


@pytest.mark.parametrize("options", [{"norm": "group", "attention": "eca"}, {"norm": "none", "antialias": "average"}])
@pytest.mark.parametrize("name", BLOCKS)
def test_compiles_whole_with_any_option(name: str, options, fresh_compiler: None):
    for shortcut in ALL_SHORTCUTS:
        block = build(name, shortcut=shortcut, **options).eval()
        x = example(2)
        torch.testing.assert_close(torch.compile(block, fullgraph=True, backend="eager")(x), block(x))


@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize("name", BLOCKS)
def test_exports_for_any_batch(name: str, dims: int):
    block = build(name, dims, shortcut="D", attention="eca", antialias="average").eval()
    program = torch.export.export(block, (example(dims),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    for batch in (2, 5):
        x = example(dims, batch=batch)
        torch.testing.assert_close(program.module()(x), block(x))


@pytest.mark.parametrize("options", [{}, {"norm": "group", "attention": "se"}, {"norm": "none", "attention": "eca"}])
@pytest.mark.parametrize("antialias", get_args(Antialias))
@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize("name", BLOCKS)
def test_autocasts_to_bfloat16(name: str, dims: int, antialias: Antialias, options):
    block = build(name, dims, antialias=antialias, **options)
    x = example(dims).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        block(x).float().square().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    block.eval()
    with torch.no_grad():
        exact = block(x)
        with torch.autocast("cpu", torch.bfloat16):
            rough = block(x)
    # bfloat16 has 8 bits of mantissa; a block makes a handful of roundings.
    assert (rough - exact).abs().max() <= 0.05 * exact.abs().max()


@pytest.mark.parametrize("name", BLOCKS)
def test_is_the_same_channels_last(name: str):
    block = build(name, attention="se", antialias="blur").eval()
    x = example(2)
    torch.testing.assert_close(block(x.to(memory_format=torch.channels_last)), block(x))
