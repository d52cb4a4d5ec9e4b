"""The shortcuts S of y = F(x) + S(x), by the names of He et al. 2015 (arXiv 1512.03385), section 4.1.

A: identity; new channels are zeros. B: a projection where the shape changes, else identity. C: a projection
everywhere. D (ResNet-D, arXiv 1812.01187): as B, but an average does the stride, so that no position is lost.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from plusx.errors import WrongUse
from plusx.model.layers import Layers, SubsampleAndPad


@dataclass(frozen=True)
class Change:
    """What a block does to the shape: the channels that come in, the filters that go out, the stride."""

    channels: int
    filters: int
    stride: int

    @property
    def none(self) -> bool:
        """Whether the shape stays, so that an identity fits."""
        return self.channels == self.filters and self.stride == 1


def chain(**layers: nn.Module | None) -> nn.Sequential:
    """Named layers one after another; what is None is left out.

    >>> [name for name, _ in chain(first=nn.ReLU(), second=None, third=nn.Identity()).named_children()]
    ['first', 'third']
    """
    return nn.Sequential(OrderedDict((name, layer) for name, layer in layers.items() if layer is not None))


def zero_pad(layers: Layers, change: Change, *, normalised: bool) -> nn.Module:
    """Shortcut A."""
    if change.none:
        return nn.Identity()
    if change.filters < change.channels:
        channels = f"{change.channels} come in, {change.filters} go out"
        raise WrongUse(f"shortcut A only adds channels, but {channels}; take shortcut B")
    return SubsampleAndPad(change.channels, change.filters, change.stride)


def project_changes(layers: Layers, change: Change, *, normalised: bool) -> nn.Module:
    """Shortcut B."""
    return nn.Identity() if change.none else project(layers, change, normalised=normalised)


def project(layers: Layers, change: Change, *, normalised: bool) -> nn.Module:
    """Shortcut C: a 1x1 convolution, with its normalisation where the branch ends in one."""
    return chain(
        conv=layers.conv(change.channels, change.filters, 1, change.stride),
        norm=layers.normalise(change.filters) if normalised else None,
    )


def average_and_project(layers: Layers, change: Change, *, normalised: bool) -> nn.Module:
    """Shortcut D."""
    if change.none:
        return nn.Identity()
    return chain(
        pool=layers.average_pool(change.stride) if change.stride > 1 else None,
        conv=layers.conv(change.channels, change.filters, 1),
        norm=layers.normalise(change.filters) if normalised else None,
    )


SHORTCUTS: dict[str, Callable[..., nn.Module]] = {
    "A": zero_pad,
    "B": project_changes,
    "C": project,
    "D": average_and_project,
}
