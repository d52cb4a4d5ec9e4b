"""Which channels of a network hang together: what a parameter's axes run over, through shortcuts, groups and skips.

What a shortcut adds to a branch has the branch's channels; a normalisation has those of the convolution before it. So
removing one channel removes a row here, a column there, and a running mean elsewhere. `trace` finds all of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from torch import nn

from plusx.model.boxes import RetinaNet
from plusx.model.dense import DeepLab, DenseHead, Fcn, UNet
from plusx.model.heads import KMax, Prototypes, ValuesAndWidths
from plusx.model.layers import EfficientAttention, SqueezeExcite, SubsampleAndPad
from plusx.model.resnet import ResNet
from plusx.model.stems import EMBEDDED, EmbedBytes
from plusx.residual import Residual

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
Normalisation = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d | nn.GroupNorm


@dataclass(eq=False)
class Channels:
    """Channels that are one, wherever they are read or written.

    Args:
        name: the layer that puts them out first.
        size: how many there are.
        groups: they are in so many groups, of which each keeps as many.
        begins_with: shortcut A: those that come first among these.
        same_as: what they were found to be the same as.
    """

    name: str
    size: int
    groups: int = 1
    begins_with: Channels | None = None
    same_as: Channels | None = None

    @property
    def root(self) -> Channels:
        """The first of all that are the same."""
        return self if self.same_as is None else self.same_as.root


@dataclass(frozen=True)
class Axis:
    """What an axis of a parameter runs over: these channels one after another, `each` places for each of them.

    `in_groups`: the input of a grouped convolution, whose rows see the channels of their own group alone.
    """

    parts: tuple[Channels, ...]
    each: int = 1
    in_groups: int = 1


Axes = tuple[Axis | None, ...]


@dataclass
class Traced:
    """A network's channels.

    Args:
        axes: of each parameter and buffer by name, the first ones; None: an axis that keeps its size.
        stem: what the stem puts out.
        stages: what each block of each stage puts out; of one without blocks what comes in.
        inner: of each block, what lies between its convolutions.
    """

    axes: dict[str, Axes] = field(default_factory=dict)
    stem: Channels | None = None
    stages: list[list[Channels]] = field(default_factory=list)
    inner: list[list[Channels]] = field(default_factory=list)

    def channels(self) -> Iterator[Channels]:
        """All of them, each once."""
        found = [part.root for axes in self.axes.values() for axis in axes if axis for part in axis.parts]
        return iter(dict.fromkeys(found))


def trace(net: ResNet) -> Traced:
    """The channels of all of a network's parameters; it may be without storage, on torch's device `meta`.

    >>> traced = trace(ResNet([1, 1], 8))
    >>> traced.axes["stages.0.0.branch.norm2.weight"][0].parts[0].root.name
    'stem.conv1'
    """
    return _Tracer(net).traced


class _Tracer:
    def __init__(self, net: ResNet):
        self.traced = Traced()
        now = Axis((Channels("input", int(net.spec["in_channels"])),))
        maps: dict[str, Axis] = {}
        for name, layer in net.stem.named_children():
            if name == "pool":
                maps["unpooled"] = now
            now = self.layer(f"stem.{name}", layer, now)
        self.traced.stem = now.parts[0]
        for number, stage in enumerate(net.stages):
            outs: list[Channels] = []
            for name, block in stage.named_children():
                now = self.layer(f"stages.{number}.{name}", block, now)
                outs.append(now.parts[0])
            self.traced.stages.append(outs or [now.parts[0]])
            maps[f"stage{number + 1}"] = now
        if isinstance(net.head, DenseHead):
            self._dense(net.head, maps)
        elif isinstance(net.head, RetinaNet):
            self._boxes(net.head, maps)
        else:
            self.layer("head", net.head, now)

    def layer(self, name: str, layer: nn.Module, now: Axis) -> Axis:
        """What comes out of a layer that `now` goes into."""
        match layer:
            case nn.Sequential():
                for child, inside in layer.named_children():
                    now = self.layer(f"{name}.{child}", inside, now)
            case Residual():
                return self._residual(name, layer, now)
            case nn.Conv1d() | nn.Conv2d() | nn.Conv3d():
                return self._convolution(name, layer, now)
            case nn.Linear():
                return self._matrix(name, layer, now)
            case ValuesAndWidths():
                self._matrix(f"{name}.value", layer.value, now)
                return self._matrix(f"{name}.width", layer.width, now)
            case Prototypes():
                self.traced.axes[f"{name}.weight"] = (None, now)
            case SqueezeExcite():
                middle = self._matrix(f"{name}.reduce", layer.reduce, now)
                self.traced.axes |= {f"{name}.expand.weight": (now, middle), f"{name}.expand.bias": (now,)}
            case KMax():
                return Axis(now.parts, each=layer.k)
            case EmbedBytes():
                self.traced.axes[f"{name}.table.weight"] = (None, None)
                return Axis((Channels(name, EMBEDDED),))
            case EfficientAttention():
                self.traced.axes[f"{name}.conv.weight"] = (None, None)
            case _:
                self._vectors(name, layer, now)
        return now

    def _residual(self, name: str, block: Residual, now: Axis) -> Axis:
        out = self.layer(f"{name}.branch", block.branch, now)
        # The last convolution's output is the block's; what the others put out lies inside.
        assert isinstance(block.branch, nn.Sequential)
        dense = [
            child
            for child, layer in block.branch.named_children()
            if isinstance(layer, Convolution) and not _depthwise(layer)
        ]
        firsts = [self.traced.axes[f"{name}.branch.{child}.weight"][0] for child in dense[:-1]]
        self.traced.inner.append([axis.parts[0] for axis in firsts if axis])
        if block.shortcut is None:
            return out
        past = self.layer(f"{name}.shortcut", block.shortcut, now)
        if isinstance(block.shortcut, SubsampleAndPad) and block.shortcut.new:
            out.parts[0].begins_with = past.parts[0]
        else:
            out.parts[0].root.same_as = past.parts[0].root
        return out

    def _convolution(self, name: str, layer: Convolution, now: Axis) -> Axis:
        if _depthwise(layer):
            self._axes(name, layer, (now, None))
            return now
        if layer.groups == 1:
            return self._matrix(name, layer, now)
        now.parts[0].root.groups = layer.groups
        out = Axis((Channels(name, layer.out_channels, layer.groups),))
        self._axes(name, layer, (out, Axis(now.parts, in_groups=layer.groups)))
        return out

    def _matrix(self, name: str, layer: nn.Module, now: Axis) -> Axis:
        out = Axis((Channels(name, len(layer.get_parameter("weight"))),))
        self._axes(name, layer, (out, now))
        return out

    def _axes(self, name: str, layer: nn.Module, axes: Axes) -> None:
        self.traced.axes[f"{name}.weight"] = axes
        if getattr(layer, "bias", None) is not None:
            self.traced.axes[f"{name}.bias"] = axes[:1]

    def _vectors(self, name: str, layer: nn.Module, now: Axis) -> None:
        """A normalisation's numbers, one a channel; other layers here have none."""
        for own, tensor in layer.state_dict().items():
            self.traced.axes[f"{name}.{own}"] = (now,) if tensor.ndim else ()

    def _dense(self, head: DenseHead, maps: Mapping[str, Axis]) -> None:
        *skips, last = maps.values()
        last = self.layer("head.first", head.first, last)
        match head:
            case UNet():
                for number, (step, skip) in enumerate(zip(head.steps, reversed(skips), strict=True)):
                    last = self.layer(f"head.steps.{number}", step, Axis((*last.parts, *skip.parts)))
            case Fcn():
                for name in ("conv", "norm"):
                    last = self.layer(f"head.{name}", head.get_submodule(name), last)
            case DeepLab():
                names = ("near", *(f"far.{number}" for number in range(len(head.far))), "whole")
                seen = [self.layer(f"head.{name}", head.get_submodule(name), last) for name in names]
                last = self.layer("head.project", head.project, Axis(tuple(part for one in seen for part in one.parts)))
                last = self.layer("head.last", head.last, last)
        self.layer("head.classifier", head.get_submodule("classifier"), last)

    def _boxes(self, head: RetinaNet, maps: Mapping[str, Axis]) -> None:
        stages = [
            self.layer(f"head.first.{number}", layer, maps[name])
            for number, (layer, name) in enumerate(zip(head.first, head.used, strict=True))
        ]
        added = [
            self.layer(f"head.pyramid.inner_blocks.{number}", head.pyramid.inner_blocks[number], stage)
            for number, stage in enumerate(stages)
        ]
        levels = [
            self.layer(f"head.pyramid.layer_blocks.{number}", head.pyramid.layer_blocks[number], one)
            for number, one in enumerate(added)
        ]
        coarse = stages[-1]
        for number, step in enumerate(head.further):
            coarse = self.layer(f"head.further.{number}", step, coarse)
            levels.append(coarse)
        _unite(added)
        # One head reads all levels.
        _unite(levels)
        for own, last in (("classification_head", "cls_logits"), ("regression_head", "bbox_reg")):
            found = head.found.get_submodule(own)
            inside = self.layer(f"head.found.{own}.conv", found.get_submodule("conv"), levels[0])
            self.layer(f"head.found.{own}.{last}", found.get_submodule(last), inside)


def _depthwise(layer: Convolution) -> bool:
    return layer.groups > 1 and layer.groups == layer.in_channels == layer.out_channels


def _unite(axes: Sequence[Axis]) -> None:
    first = axes[0].parts[0].root
    for axis in axes[1:]:
        if axis.parts[0].root is not first:
            axis.parts[0].root.same_as = first
