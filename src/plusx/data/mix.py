"""Mixup and CutMix: whole batches mixed in pairs of neighbours.

The partner of the example at place p of a batch is the one at p ^ 1. A slice that begins at an even place and has an
even length is therefore mixed by itself as it would be in the whole batch, however many processes share the batch.
An odd batch's last example stays alone.
"""

from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Float32, Int64, Shaped, UInt8
from pydantic import BaseModel, Field
from torch import Tensor
from torch.nn import functional

from plusx.data.augment.pixels import Numbers, Share, laid_out_like, span

Targets = Float32[Tensor, "batch classes"]
"""Each class's share of an example."""

SPACE = 3
"""Pictures have 2 dimensions, sounds 1, volumes 3: so many numbers say where a box lies."""


def mixup(
    inputs: UInt8[Tensor, "batch *rest"] | Float[Tensor, "batch *rest"], targets: Targets, share: Numbers
) -> tuple[Tensor, Targets]:
    """Mixup (arXiv 1710.09412): `share` of each example and the rest of its partner, in inputs and targets.

    Whole numbers stay so, rounded, so that a network sees the type it always sees.

    >>> pictures, targets = torch.tensor([[100], [200]], dtype=torch.uint8), torch.eye(2)
    >>> mixup(pictures, targets, torch.tensor([0.75, 0.75]))[0].flatten().tolist()
    [125, 175]
    """
    return _blend(inputs, share), _blend(targets, share)


def cutmix(
    inputs: UInt8[Tensor, "batch channels *space"] | Float[Tensor, "batch channels *space"],
    targets: Targets,
    share: Numbers,
    u: Float32[Tensor, "batch dims"],
) -> tuple[Tensor, Targets]:
    """CutMix (arXiv 1905.04899): a box of 1 - share of each example shows its partner.

    The box's sides are the picture's times one factor, in whole pixels; its middle lies anywhere, by u (batch,
    dimensions of space), and what sticks out is cut off. Targets mix by the box's true area.

    >>> pictures, targets = torch.tensor([[[[1, 1, 1, 1]]], [[[2, 2, 2, 2]]]], dtype=torch.uint8), torch.eye(2)
    >>> mixed, targets = cutmix(pictures[:, :, 0], targets, torch.tensor([0.5, 0.5]), torch.tensor([[0.5], [0.5]]))
    >>> mixed.squeeze(1).tolist(), targets.tolist()
    ([[1, 2, 2, 1], [2, 1, 1, 2]], [[0.5, 0.5], [0.5, 0.5]])
    """
    box = _boxes(inputs.shape[2:], share, u)
    mixed = laid_out_like(inputs, torch.where(box, inputs[_partners(inputs)], inputs))
    true_share = 1 - box.flatten(1).sum(1) / box[0].numel()
    return mixed, _blend(targets, true_share)


def one_hot(targets: Int64[Tensor, " batch"] | Shaped[Tensor, "batch classes"], classes: int) -> Targets:
    """Classes as shares; what is shares already, or 0 and 1 for each class, stays.

    >>> one_hot(torch.tensor([1]), 3).tolist()
    [[0.0, 1.0, 0.0]]
    """
    return (functional.one_hot(targets, classes) if targets.ndim == 1 else targets).float()


def beta_quantile(u: Float32[Tensor, "*shape"], alpha: float) -> Float32[Tensor, "*shape"]:
    """Numbers distributed as Beta(alpha, alpha), from evenly distributed ones.

    >>> round(beta_quantile(torch.tensor([0.25]), 1.0).item(), 6)
    0.25
    """
    # Here, because it takes a tenth of a second to import, and only runs that mix need it.
    from scipy.special import betaincinv

    return torch.from_numpy(betaincinv(alpha, alpha, u.double().cpu().numpy())).float().to(u.device)


class Mix(BaseModel, frozen=True, extra="forbid"):
    """Mixup or CutMix of each pair, their shares from Beta(mixup, mixup) and Beta(cutmix, cutmix); 0 leaves one out.

    `probability` of pairs are mixed, and `switch` of these by CutMix where both are in.
    """

    draws: ClassVar[int] = 3 + SPACE
    mixup: float = Field(default=0.2, ge=0)
    cutmix: float = Field(default=1.0, ge=0)
    probability: Share = 1.0
    switch: Share = 0.5

    def __call__(self, inputs: Tensor, targets: Targets, u: Float32[Tensor, "batch draws"]) -> tuple[Tensor, Targets]:
        """(inputs, targets) mixed; of each pair's numbers the first example's count."""
        u = u[torch.arange(len(u), device=u.device) & ~1]
        mixed = u[:, 0] < self.probability
        cut = mixed & (u[:, 1] < (self.switch if self.mixup else 1)) & (self.cutmix > 0)
        # With a share of 1 a pair stays as it is, so that both functions may take the whole batch.
        if self.mixup:
            share = torch.where(mixed & ~cut, beta_quantile(u[:, 2], self.mixup), 1)
            inputs, targets = mixup(inputs, targets, share.to(inputs.device))
        if self.cutmix:
            share = torch.where(cut, beta_quantile(u[:, 2], self.cutmix), 1)
            place = u[:, 3 : 1 + inputs.ndim]
            inputs, targets = cutmix(inputs, targets, share.to(inputs.device), place.to(inputs.device))
        return inputs, targets


def _partners(batch: Tensor) -> Int64[Tensor, " batch"]:
    # The clamp is for an odd batch's last example, which is its own partner.
    return (torch.arange(len(batch), device=batch.device) ^ 1).clamp(max=len(batch) - 1)


def _blend(values: Tensor, share: Numbers) -> Tensor:
    own = values if values.is_floating_point() else values.float()
    rest = (1 - share).to(own.dtype).view(-1, *[1] * (values.ndim - 1))
    # As a step towards the partner, so that an example that is its own partner stays exactly.
    mixed = own + rest * (own[_partners(own)] - own)
    return mixed if values.is_floating_point() else mixed.round().to(values.dtype)


def _boxes(size: torch.Size, share: Numbers, u: Float32[Tensor, "batch dims"]) -> Bool[Tensor, "batch 1 *space"]:
    # In double precision, because torch's float powers round an example differently in a batch of another size.
    side = ((1 - share.double()) ** (1 / len(size))).float()
    box = torch.ones((), dtype=torch.bool, device=u.device)
    for axis, length in enumerate(size):
        cut = (side * length).long()
        inside = span(length, (u[:, axis] * length).long() - cut // 2, cut)
        box = box & inside.view(-1, 1, *[length if each == axis else 1 for each in range(len(size))])
    return box
