"""Heat from a network's own maps: Grad-CAM (arXiv 1610.02391) and HiResCAM (arXiv 2011.08891), in any dimensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from plusx.errors import WrongUse, nearest
from plusx.model.boxes import RetinaNet
from plusx.model.dense import UNet
from plusx.model.resnet import ResNet

Score = Callable[[Tensor], Tensor]
"""From a network's outputs to a number for each example of the batch, `(batch,)`: what is explained."""
Features = Float[Tensor, "batch channels *space"]
"""What a network takes, after its front."""


def grad_cam(network: ResNet, features: Features, score: Score, layer: str | None = None) -> Float[Tensor, "batch ..."]:
    """What in a map spoke for the score: its channels, each weighted by its mean gradient, summed; negative sums are 0
    (arXiv 1610.02391, equations 1 and 2).

    Args:
        network: in evaluation mode.
        features: what it takes.
        score: what is explained.
        layer: a name of `ResNet.features`; None: the last stage.

    Shapes: `(batch, *reduced)`, as the layer's map is.

    Raises:
        WrongUse: no such layer.

    >>> net = ResNet([1, 1], 4).eval()
    >>> grad_cam(net, torch.randn(2, 3, 8, 8), lambda outputs: outputs[:, 0]).shape
    torch.Size([2, 4, 4])
    """
    maps, gradients = maps_and_gradients(network, features, score, layer)
    weights = gradients.mean(dim=tuple(range(2, maps.ndim)), keepdim=True)
    return (weights * maps).sum(1).relu()


def hires_cam(
    network: ResNet, features: Features, score: Score, layer: str | None = None
) -> Float[Tensor, "batch ..."]:
    """What each place of a map did for the score, or against it: its values times their gradients, summed over channels
    (arXiv 2011.08891, equation 6). Arguments as for `grad_cam`.

    Where only a mean and a linear layer follow, the places' sum and the bias are the score.

    >>> net = ResNet([1, 1], 4).eval()
    >>> x = torch.randn(1, 3, 8, 8)
    >>> heat = hires_cam(net, x, lambda outputs: outputs[:, 0])
    >>> bool(torch.isclose(heat.sum() + net.head.linear.bias[0], net(x)[0, 0], atol=1e-5))
    True
    """
    maps, gradients = maps_and_gradients(network, features, score, layer)
    return (maps * gradients).sum(1)


def layers_of(network: ResNet) -> list[str]:
    """The names of `ResNet.features`."""
    return ["stem", *(f"stage{number}" for number in range(1, len(network.stages) + 1))]


def find_layer(network: ResNet, layer: str | None) -> str:
    """The layer of this name; the last stage, where none is given.

    Raises:
        WrongUse: there is none.
    """
    names = layers_of(network)
    if layer is not None and layer not in names:
        raise WrongUse(f"--layer {layer}: no such layer{nearest(layer, names)}; there are {', '.join(names)}")
    return layer or names[-1]


def finest_layer(network: ResNet) -> str:
    """The finest stage whose map the head is given: the last one's, but for heads that see every stage.

    >>> finest_layer(ResNet([1, 1, 1, 1], 4, head="retinanet")), finest_layer(ResNet([1, 1], 4))
    ('stage2', 'stage2')
    """
    if isinstance(network.head, RetinaNet):
        return network.head.used[0]
    return "stage1" if isinstance(network.head, UNet) else layers_of(network)[-1]


def maps_and_gradients(
    network: ResNet, features: Features, score: Score, layer: str | None = None
) -> tuple[Float[Tensor, "batch filters *reduced"], Float[Tensor, "batch filters *reduced"]]:
    """A layer's maps, and the gradients there of each example's score.

    Raises:
        WrongUse: no such layer.
    """
    number = layers_of(network).index(find_layer(network, layer))
    held: list[Tensor] = []

    def hold(module: nn.Module, given: tuple[Tensor, ...], made: Tensor | None = None) -> None:
        held.append(given[0] if made is None else made)

    # Heads that see every stage call a stem's layers one by one: its map is what the first stage is given.
    stages = network.stages
    hook = stages[number - 1].register_forward_hook(hold) if number else stages[0].register_forward_pre_hook(hold)
    try:
        with torch.enable_grad():
            total = score(network(features.detach().requires_grad_())).sum()
    finally:
        hook.remove()
    return held[0].detach(), torch.autograd.grad(total, held[0])[0]


def spread(maps: Float[Tensor, "batch ..."], size: Sequence[int]) -> Float[Tensor, "batch ..."]:
    """Maps at the size of what the network took, as pictures are resized: each place in the middle of its cell, linear
    between.

    >>> spread(torch.tensor([[0.0, 1.0]]), [4]).tolist()
    [[0.0, 0.25, 0.75, 1.0]]
    """
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(size)]
    return functional.interpolate(maps[:, None], size=tuple(size), mode=mode, align_corners=False)[:, 0]
