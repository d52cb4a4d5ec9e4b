"""`ResNet(num_layers, num_filters)`: a stem, stages of residual blocks, a head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator
from torch import Tensor, nn

from plusx.errors import WrongUse, in_one_line
from plusx.model.blocks import BLOCKS, Block, Place, start_at_identity
from plusx.model.boxes import SEEING_ALL
from plusx.model.heads import build_head
from plusx.model.layers import Antialias, Attention, Layers, Norm, kaiming
from plusx.model.stems import STEMS
from plusx.residual import Residual

EMPTY = "a first stage without blocks stands behind a stem of its own width"


class ResNetSpec(BaseModel):
    """Everything that makes a residual network; each field is a keyword of `ResNet`.

    >>> ResNetSpec(num_layers=(2, 2, 2)).widths
    (64, 128, 256)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Bounded, since a model file from anywhere may name them; the deepest network of the papers has 3 x 200.
    num_layers: tuple[Annotated[int, Field(ge=0, le=1000)], ...] = Field(
        min_length=1,
        max_length=16,
        description="blocks in each stage; the first may have none behind a stem of its width",
    )
    num_filters: PositiveInt | tuple[PositiveInt, ...] = Field(
        default=64, description="the first stage's width, doubled at each further stage; or every stage's"
    )
    num_classes: PositiveInt = Field(
        default=10, description="outputs of the linear head; numbers of `numbers`; classes of `cosine`"
    )
    block: Literal[
        "basic",
        "bottleneck",
        "bottleneck_v1",
        "preact_basic",
        "preact_bottleneck",
        "wide",
        "relu_norm",
        "jasper",
        "separable",
    ] = "basic"
    shortcut: Literal["A", "B", "C", "D"] | None = Field(default="B", description="null is a plain network")
    stem: Literal[
        "imagenet",
        "cifar",
        "small",
        "relu",
        "mean_2",
        "mean_34",
        "deep_d",
        "deep_s",
        "deep_rs",
        "bytes",
        "bytes_small",
        "separable",
        "none",
    ] = "cifar"
    neck: Literal["none", "largest", "dilated", "vdcnn", "quartznet"] = Field(
        default="none", description="between the last stage and the head"
    )
    head: Literal[
        "linear", "pool", "numbers", "embed", "cosine", "frames", "none", "unet", "fcn", "deeplab", "retinanet"
    ] = "linear"
    in_channels: PositiveInt = 3
    dims: Literal[1, 2, 3] = 2
    stem_filters: PositiveInt | None = Field(default=None, description="the stem's width; null: the first stage's")
    strides: tuple[PositiveInt, ...] | None = Field(default=None, description="each stage's; null: 1, then 2s")
    dilations: tuple[PositiveInt | tuple[PositiveInt, PositiveInt], ...] | None = Field(
        default=None,
        description="each stage's distance between the places a 3x3 sees, or those of its blocks' two 3x3; null: 1",
    )
    cardinality: PositiveInt = Field(default=1, description="groups of a bottleneck's 3x3")
    group_width: PositiveInt = Field(default=64, description="width of one group where the stage has 64 filters")
    inner_filters: tuple[PositiveInt, ...] | None = Field(
        default=None,
        description="between each block's first and last convolution, from input to output; null: as the block has it",
    )
    norm: Norm = "batch"
    attention: Attention = "none"
    squeeze: float = Field(default=1 / 16, gt=0, le=1, description="squeeze-and-excitation's middle, a share")
    antialias: Antialias = "none"
    dropout: float = Field(default=0.0, ge=0, lt=1, description="inside wide and repeated blocks")
    kernels: tuple[Annotated[int, Field(ge=1, le=1001)], ...] | None = Field(
        default=None, description="each stage's, odd, in jasper and separable blocks; null: 3s"
    )
    repeats: Annotated[int, Field(ge=1, le=100)] = Field(
        default=1, description="convolutions of a jasper or separable block"
    )
    stochastic_depth: float = Field(default=0.0, ge=0, lt=1, description="the last branch's probability to be left out")
    zero_init: bool = Field(default=False, description="each block begins as its shortcut alone")

    @property
    def widths(self) -> tuple[int, ...]:
        """The filters of each stage, before a block's expansion."""
        if isinstance(self.num_filters, tuple):
            return self.num_filters
        return tuple(self.num_filters * 2**stage for stage in range(len(self.num_layers)))

    @property
    def stage_strides(self) -> tuple[int, ...]:
        """The stride of each stage's first block: 2 from the second stage on, nowhere else."""
        return self.strides if self.strides is not None else (1, *(2 for _ in self.num_layers[1:]))

    @property
    def stage_dilations(self) -> tuple[int | tuple[int, int], ...]:
        """The dilation of each stage's blocks; the first block of a stage keeps that of the stage before.

        Where a stage has two, they are those of the two 3x3 of each of its blocks, the first one included.
        """
        return self.dilations if self.dilations is not None else (1,) * len(self.num_layers)

    @property
    def stage_kernels(self) -> tuple[int, ...]:
        """The kernel of each stage's repeated blocks."""
        return self.kernels if self.kernels is not None else (3,) * len(self.num_layers)

    def inner(self, filters: int) -> int:
        """The channels in the middle of a bottleneck of `filters`, all groups together."""
        return int(filters * self.group_width / 64) * self.cardinality

    def block_inner(self, number: int, filters: int) -> int:
        """The channels between the first and the last convolution of the block `number`, counted from 0."""
        if self.inner_filters is not None:
            return self.inner_filters[number]
        return self.inner(filters) if BLOCKS[self.block].grouped else filters

    @model_validator(mode="after")
    def _fits_together(self) -> ResNetSpec:
        kind = BLOCKS[self.block]
        stages = len(self.num_layers)
        if len(self.widths) != stages:
            raise ValueError(f"num_filters names {len(self.widths)} stages, num_layers {stages}")
        if len(self.stage_strides) != stages:
            raise ValueError(f"strides names {len(self.stage_strides)} stages, num_layers {stages}")
        if len(self.stage_dilations) != stages:
            raise ValueError(f"dilations names {len(self.stage_dilations)} stages, num_layers {stages}")
        if len(self.stage_kernels) != stages:
            raise ValueError(f"kernels names {len(self.stage_kernels)} stages, num_layers {stages}")
        if even := [kernel for kernel in self.stage_kernels if kernel % 2 == 0]:
            raise ValueError(f"kernels must be odd, to keep the size; {even[0]} is not")
        if not kind.repeated and (self.kernels is not None or self.repeats > 1):
            raise ValueError(f"kernels and repeats are of jasper and separable blocks, not of {self.block} ones")
        if not kind.grouped and (self.cardinality, self.group_width) != (1, 64):
            raise ValueError(f"cardinality and group_width are a bottleneck's; {self.block} blocks have no groups")
        if kind.grouped and not all(map(self.inner, self.widths)):
            raise ValueError(f"group_width {self.group_width}, for 64 filters, leaves no channel of {min(self.widths)}")
        self._check_inner(kind)
        self._check_empty(kind)
        if self.dropout and not kind.dropout:
            raise ValueError(f"dropout stands inside wide and repeated blocks; {self.block} blocks have none")
        if (kind.grouped or kind.repeated) and any(isinstance(one, tuple) for one in self.stage_dilations):
            raise ValueError(f"two dilations a stage are those of two 3x3, which {self.block} blocks have not")
        if self.zero_init and (kind.reads == "normalised" or self.norm == "batch_unweighted"):
            raise ValueError("zero_init needs a branch that ends in a weight: no relu_norm blocks, no batch_unweighted")
        if self.head == "retinanet" and self.dims != 2:
            raise ValueError(f"boxes are found in two dimensions, not in {self.dims}")
        if self.shortcut is None and (self.stochastic_depth or self.zero_init):
            raise ValueError("a plain network has no shortcut to be left alone: no stochastic_depth, no zero_init")
        return self

    def _check_empty(self, kind: Block) -> None:
        if not all(self.num_layers[1:]) or not sum(self.num_layers):
            raise ValueError("each stage but the first has a block, and the first one where it is the only one")
        # What the stem gives must be what the stage would give; ResNet sees to the width, which is the stem's to say.
        alike = kind.expansion == 1 and not kind.preactivated and self.stem != "none" and self.stage_strides[0] == 1
        if not self.num_layers[0] and not alike:
            raise ValueError(f"{EMPTY}: no preactivated blocks, no bottlenecks, no stride")

    def _check_inner(self, kind: Block) -> None:
        if self.inner_filters is None:
            return
        if kind.repeated:
            raise ValueError(f"inner_filters are of blocks of two or three convolutions, not of {self.block} ones")
        if len(self.inner_filters) != sum(self.num_layers):
            raise ValueError(f"inner_filters names {len(self.inner_filters)} blocks, num_layers {sum(self.num_layers)}")
        if uneven := [width for width in self.inner_filters if width % self.cardinality]:
            raise ValueError(f"inner_filters must be shared evenly by {self.cardinality} groups; {uneven[0]} is not")


class ResNet(nn.Module):
    """A residual network.

    Args:
        num_layers: blocks in each stage; as many stages as there are numbers. The first may have none.
        num_filters: the first stage's width, doubled at each further stage; or one width a stage.
        options: the other fields of `ResNetSpec`, such as `num_classes=10`, `block="bottleneck"`,
            `stem="imagenet"`, `dims=1`, `shortcut="A"`.

    Shapes: `(batch, in_channels, *space)` to `(batch, num_classes)`, `space` being `dims` sizes of any
    length; without a head to `(batch, channels, *space)`, with one that answers every place (`unet`, `fcn`,
    `deeplab`) to `(batch, num_classes, *space)`, with one of boxes (`retinanet`) to `(batch, num_classes + 8,
    anchors)`.

    Raises:
        WrongUse: an option is unknown or does not fit the others.

    >>> import torch
    >>> net = ResNet([2, 2, 2], 64)
    >>> net(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 10])
    >>> {name: tuple(map.shape) for name, map in net.features(torch.zeros(1, 3, 32, 32)).items()}
    {'stem': (1, 64, 32, 32), 'stage1': (1, 64, 32, 32), 'stage2': (1, 128, 16, 16), 'stage3': (1, 256, 8, 8)}
    >>> ResNet(**net.spec).spec == net.spec
    True
    """

    def __init__(self, num_layers: Sequence[int], num_filters: int | Sequence[int] = 64, **options: Any):
        super().__init__()
        try:
            spec = ResNetSpec.model_validate({"num_layers": num_layers, "num_filters": num_filters, **options})
        except ValidationError as error:
            raise WrongUse(in_one_line(error, "ResNet", list(ResNetSpec.model_fields))) from None
        self.spec: dict[str, Any] = spec.model_dump(mode="json")
        kind = BLOCKS[spec.block]
        layers = Layers(spec.dims, spec.norm, spec.attention, spec.squeeze, spec.antialias, kind.reads)
        self.stem, channels = STEMS[spec.stem](
            layers, spec.in_channels, spec.stem_filters or spec.widths[0], activated=not kind.preactivated
        )
        if not spec.num_layers[0] and channels != spec.widths[0]:
            raise WrongUse(f"ResNet: {EMPTY}, and not of {channels} for {spec.widths[0]} channels")
        stem_channels = channels
        self.stages, channels = _build_stages(spec, kind, layers, channels)
        self._sees_all = spec.head in SEEING_ALL
        if self._sees_all:
            widths = {"unpooled": stem_channels} if hasattr(self.stem, "pool") else {}
            widths |= {f"stage{number}": width * kind.expansion for number, width in enumerate(spec.widths, 1)}
            self.head = SEEING_ALL[spec.head](layers, widths, spec.num_classes)
        else:
            self.head = build_head(spec.head, layers, channels, spec.num_classes, spec.neck)
        self._initialise(zero=spec.zero_init)

    def forward(self, x: Float[Tensor, "batch channels *space"]) -> Float[Tensor, "batch outputs *space"]:
        if self._sees_all:
            return self.head(self._skips(x), x.shape[2:])
        return self.head(self.stages(self.stem(x)))

    def features(self, x: Float[Tensor, "batch channels *space"]) -> dict[str, Float[Tensor, "batch filters *reduced"]]:
        """The map after the stem and after each stage, by name: `stem`, `stage1`, `stage2`, ..."""
        maps = {"stem": self.stem(x)}
        x = maps["stem"]
        for number, stage in enumerate(self.stages, 1):
            maps[f"stage{number}"] = x = stage(x)
        return maps

    def _skips(self, x: Float[Tensor, "batch channels *space"]) -> dict[str, Float[Tensor, "batch filters *reduced"]]:
        """The map after each stage by name, and the stem's own before its pooling, `unpooled`, where it has one."""
        maps: dict[str, Tensor] = {}
        for name, layer in self.stem.named_children():
            if name == "pool":
                maps["unpooled"] = x
            x = layer(x)
        for number, stage in enumerate(self.stages, 1):
            maps[f"stage{number}"] = x = stage(x)
        return maps

    def residuals(self) -> Iterator[tuple[str, Residual]]:
        """Every block with its name, from input to output."""
        return ((name, module) for name, module in self.named_modules() if isinstance(module, Residual))

    def _initialise(self, *, zero: bool) -> None:
        for module in self.stages.modules():
            kaiming(module)
        for module in self.stem.modules():
            kaiming(module)
        if zero:
            for _, block in self.residuals():
                assert isinstance(block.branch, nn.Sequential)
                start_at_identity(block.branch)


def _build_stages(spec: ResNetSpec, kind: Block, layers: Layers, channels: int) -> tuple[nn.Sequential, int]:
    stages = nn.Sequential()
    number, total = 0, sum(spec.num_layers)
    sizes = (spec.num_layers, spec.widths, spec.stage_strides, spec.stage_dilations, spec.stage_kernels)
    before = (1, 1)
    for blocks, filters, stage_stride, dilation, kernel in zip(*sizes, strict=True):
        stage = nn.Sequential()
        first, others = (dilation, dilation) if isinstance(dilation, tuple) else (before, (dilation, dilation))
        for position in range(blocks):
            number += 1
            place = Place(
                channels=channels,
                filters=filters,
                stride=stage_stride if position == 0 else 1,
                inner=spec.block_inner(number - 1, filters),
                groups=spec.cardinality,
                dilations=first if position == 0 else others,
                dropout=spec.dropout,
                # The linear rule of arXiv 1603.09382: the l-th of L branches is left out with l/L of the
                # last's probability.
                drop_branch=spec.stochastic_depth * number / total,
                kernel=kernel,
                repeats=spec.repeats,
                first=number == 1,
            )
            stage.append(kind.build(layers, place, spec.shortcut))
            channels = filters * kind.expansion
        stages.append(stage)
        before = (others[1], others[1])
    return stages, channels
