"""Residual blocks: a branch F, a shortcut S, and `Residual` that adds them. A new one is one more function.

v1 (arXiv 1512.03385): each convolution is followed by its normalisation, and the last ReLU comes after the
addition. v2, pre-activation (arXiv 1603.05027): normalisation and ReLU come before each convolution, nothing
after the addition. A stride stands in a v1 bottleneck's first 1x1, in v1.5 (torchvision's) in its 3x3. Tang and
Lin's (arXiv 1710.10361): ReLU, then normalisation after each convolution; the last ReLU is added as it is, and
whoever reads the sum normalises it first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from plusx.model.layers import Layers, Reads, StochasticDepth
from plusx.model.shortcuts import SHORTCUTS, Change, chain
from plusx.residual import Residual


@dataclass(frozen=True)
class Place:
    """One block's place in a network.

    Args:
        channels: the channels that come in.
        filters: the stage's width; the block gives `filters * expansion` channels.
        stride: 1, or what the block divides the spatial size by.
        inner: the channels of a bottleneck's middle, all groups together, or between two 3x3; 0: the stage's width.
        groups: the groups of a bottleneck's 3x3, ResNeXt's cardinality (arXiv 1611.05431).
        dilations: the distance between the places that a 3x3, or a repeated block's kernel, sees (arXiv 1511.07122);
            the second is that of a second 3x3.
        dropout: the share of values a wide block drops between its convolutions (arXiv 1605.07146), a repeated one
            after each ReLU inside.
        drop_branch: the probability that training leaves the branch out of one example (arXiv 1603.09382).
        kernel: the size of a repeated block's convolutions, in each dimension; odd.
        repeats: how many convolutions a repeated block has, one after another.
        first: whether it is the network's first block, which reads the stem and no sum.
    """

    channels: int
    filters: int
    stride: int = 1
    inner: int = 0
    groups: int = 1
    dilations: tuple[int, int] = (1, 1)
    dropout: float = 0.0
    drop_branch: float = 0.0
    kernel: int = 3
    repeats: int = 1
    first: bool = False

    @property
    def between(self) -> int:
        """The channels between a block's two 3x3."""
        return self.inner or self.filters

    @property
    def dilation(self) -> int:
        """Of a block's only 3x3, or of its first."""
        return self.dilations[0]


def basic(layers: Layers, place: Place) -> nn.Sequential:
    """Two 3x3 convolutions."""
    return chain(
        conv1=layers.conv(place.channels, place.between, 3, layers.conv_stride(place.stride), dilation=place.dilation),
        norm1=layers.normalise(place.between),
        act1=layers.activate(),
        reduce=layers.reduce(place.between, place.stride),
        conv2=layers.conv(place.between, place.filters, 3, dilation=place.dilations[1]),
        norm2=layers.normalise(place.filters),
        attention=layers.attend(place.filters),
    )


def bottleneck(layers: Layers, place: Place) -> nn.Sequential:
    """1x1 down, 3x3, 1x1 up to four times the filters; the stride in the 3x3 (v1.5)."""
    return chain(
        conv1=layers.conv(place.channels, place.inner, 1),
        norm1=layers.normalise(place.inner),
        act1=layers.activate(),
        conv2=layers.conv(place.inner, place.inner, 3, layers.conv_stride(place.stride), place.groups, place.dilation),
        norm2=layers.normalise(place.inner),
        act2=layers.activate(),
        reduce=layers.reduce(place.inner, place.stride),
        conv3=layers.conv(place.inner, place.filters * 4, 1),
        norm3=layers.normalise(place.filters * 4),
        attention=layers.attend(place.filters * 4),
    )


def bottleneck_v1(layers: Layers, place: Place) -> nn.Sequential:
    """The paper's bottleneck: the stride in the first 1x1."""
    return chain(
        conv1=layers.conv(place.channels, place.inner, 1, layers.conv_stride(place.stride)),
        norm1=layers.normalise(place.inner),
        act1=layers.activate(),
        reduce=layers.reduce(place.inner, place.stride),
        conv2=layers.conv(place.inner, place.inner, 3, groups=place.groups, dilation=place.dilation),
        norm2=layers.normalise(place.inner),
        act2=layers.activate(),
        conv3=layers.conv(place.inner, place.filters * 4, 1),
        norm3=layers.normalise(place.filters * 4),
        attention=layers.attend(place.filters * 4),
    )


def preact_basic(layers: Layers, place: Place) -> nn.Sequential:
    """Two 3x3 convolutions, each after normalisation and ReLU; dropout between them makes the wide block."""
    return chain(
        norm1=layers.normalise(place.channels),
        act1=layers.activate(),
        conv1=layers.conv(place.channels, place.between, 3, layers.conv_stride(place.stride), dilation=place.dilation),
        norm2=layers.normalise(place.between),
        act2=layers.activate(),
        reduce=layers.reduce(place.between, place.stride),
        dropout=nn.Dropout(place.dropout) if place.dropout else None,
        conv2=layers.conv(place.between, place.filters, 3, dilation=place.dilations[1]),
        attention=layers.attend(place.filters),
    )


def preact_bottleneck(layers: Layers, place: Place) -> nn.Sequential:
    """1x1, 3x3 with the stride, 1x1, each after its normalisation and ReLU."""
    return chain(
        norm1=layers.normalise(place.channels),
        act1=layers.activate(),
        conv1=layers.conv(place.channels, place.inner, 1),
        norm2=layers.normalise(place.inner),
        act2=layers.activate(),
        conv2=layers.conv(place.inner, place.inner, 3, layers.conv_stride(place.stride), place.groups, place.dilation),
        norm3=layers.normalise(place.inner),
        act3=layers.activate(),
        reduce=layers.reduce(place.inner, place.stride),
        conv3=layers.conv(place.inner, place.filters * 4, 1),
        attention=layers.attend(place.filters * 4),
    )


def relu_norm(layers: Layers, place: Place) -> nn.Sequential:
    """Two 3x3 convolutions, each with its ReLU, each but a network's first after a normalisation (arXiv 1710.10361)."""
    return chain(
        norm1=None if place.first else layers.normalise(place.channels),
        conv1=layers.conv(place.channels, place.between, 3, layers.conv_stride(place.stride), dilation=place.dilation),
        act1=layers.activate(),
        reduce=layers.reduce(place.between, place.stride),
        norm2=layers.normalise(place.between),
        conv2=layers.conv(place.between, place.filters, 3, dilation=place.dilations[1]),
        act2=layers.activate(),
        attention=layers.attend(place.filters),
    )


def jasper(layers: Layers, place: Place) -> nn.Sequential:
    """`repeats` convolutions of `kernel`: the block of Jasper (arXiv 1904.03288, section 2) with one shortcut each."""
    return _repeated(
        layers,
        place,
        lambda channels, stride: {
            "conv": layers.conv(
                channels, place.filters, place.kernel, layers.conv_stride(stride), dilation=place.dilation
            ),
        },
    )


def separable(layers: Layers, place: Place) -> nn.Sequential:
    """As `jasper`, each convolution split in two: one along time for each channel by itself, then a 1x1 over the
    channels (QuartzNet's time-channel separable convolutions, arXiv 1910.10261, section 2)."""
    return _repeated(
        layers,
        place,
        lambda channels, stride: {
            "depthwise": layers.conv(
                channels, channels, place.kernel, layers.conv_stride(stride), channels, place.dilation
            ),
            "pointwise": layers.conv(channels, place.filters, 1),
        },
    )


def _repeated(layers: Layers, place: Place, convolution: Callable[[int, int], dict[str, nn.Module]]) -> nn.Sequential:
    """`convolution` (of its channels and stride) with normalisation, and ReLU but after the last; the stride first."""
    parts: dict[str, nn.Module | None] = {}
    for number in range(1, place.repeats + 1):
        first, last = number == 1, number == place.repeats
        made = convolution(place.channels if first else place.filters, place.stride if first else 1)
        parts |= {f"{name}{number}": layer for name, layer in made.items()}
        parts[f"reduce{number}"] = layers.reduce(place.filters, place.stride if first else 1)
        parts[f"norm{number}"] = layers.normalise(place.filters)
        if not last:
            parts[f"act{number}"] = layers.activate()
            parts[f"dropout{number}"] = nn.Dropout(place.dropout) if place.dropout else None
    return chain(**parts, attention=layers.attend(place.filters))


@dataclass(frozen=True)
class Block:
    """A kind of block: its branch, its factor of channels, how its sum is read, and which options it has."""

    branch: Callable[[Layers, Place], nn.Sequential]
    expansion: int = 1
    reads: Reads = "as_it_is"
    grouped: bool = False
    dropout: bool = False
    repeated: bool = False

    @property
    def preactivated(self) -> bool:
        """Whether it is v2."""
        return self.reads == "normalised_and_activated"

    @property
    def activates(self) -> bool:
        """Whether it activates its sum."""
        return self.reads == "as_it_is"

    def build(self, layers: Layers, place: Place, shortcut: str | None) -> nn.Module:
        """The block at its place: branch, shortcut, addition. `shortcut` None makes it plain."""
        branch = self.branch(layers, place)
        if place.drop_branch:
            branch.add_module("drop_branch", StochasticDepth(place.drop_branch))
        activation = layers.activate() if self.activates else None
        if shortcut is None:
            return Residual(branch, None, activation)
        change = Change(place.channels, place.filters * self.expansion, place.stride)
        past = SHORTCUTS[shortcut](layers, change, normalised=self.activates)
        if self.preactivated and not isinstance(past, nn.Identity):
            # Where the shape changes, both paths start from the activated x (arXiv 1603.05027, section 4.1).
            return chain(preact=branch[:2], residual=Residual(branch[2:], past))
        return Residual(branch, past, activation)


BLOCKS: dict[str, Block] = {
    "basic": Block(basic),
    "bottleneck": Block(bottleneck, expansion=4, grouped=True),
    "bottleneck_v1": Block(bottleneck_v1, expansion=4, grouped=True),
    "preact_basic": Block(preact_basic, reads="normalised_and_activated"),
    "preact_bottleneck": Block(preact_bottleneck, expansion=4, reads="normalised_and_activated", grouped=True),
    "wide": Block(preact_basic, reads="normalised_and_activated", dropout=True),
    "relu_norm": Block(relu_norm, reads="normalised"),
    "jasper": Block(jasper, dropout=True, repeated=True),
    "separable": Block(separable, dropout=True, repeated=True),
}


def start_at_identity(branch: nn.Sequential) -> None:
    """Makes the block begin as its shortcut alone (arXiv 1706.02677, section 5.1).

    The branch's last normalisation or, where none ends it, its last convolution is set to zero.
    """
    last = [layer for layer in branch.children() if hasattr(layer, "weight")][-1]
    for parameter in last.parameters():
        nn.init.zeros_(parameter)
