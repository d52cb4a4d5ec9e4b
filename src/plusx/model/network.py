"""A network by name: its spec's defaults, what it was published with, and how it is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plusx.model.resnet import ResNet


@dataclass(frozen=True)
class Published:
    """An accuracy that somebody published for a network.

    Args:
        accuracy: top-1, a share of 1.
        data: the test set.
        source: who published it, and how it was measured where that matters.
    """

    accuracy: float
    data: str
    source: str


@dataclass(frozen=True)
class Network:
    """A named network: call it to build one with fresh weights, or with those of `weights`.

    Args:
        name: its name here.
        num_layers: blocks in each stage.
        defaults: the other fields of its `ResNetSpec`.
        input_shape: `(channels, *space)` that its published costs hold for.
        published: its published accuracy, if there is one.

    >>> import torch
    >>> small = Network("small", (1, 1), {"num_filters": 8}, (3, 32, 32))
    >>> small(num_classes=3)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 3])
    """

    name: str
    num_layers: tuple[int, ...]
    defaults: Mapping[str, Any]
    input_shape: tuple[int, ...]
    published: Published | None = None

    def __call__(self, *, weights: str | None = None, **options: Any) -> ResNet:
        """The network with `options` over its defaults.

        Args:
            weights: where to take weights from, as `plusx.model.pretrained.load_weights` describes: another
                library's published ones (`torchvision/IMAGENET1K_V2`, `timm/resnet50.a1_in1k`,
                `microsoft/resnet-50`; these download) or a local file.
            options: fields of `ResNetSpec`.

        Raises:
            WrongUse: an unknown option, or weights that do not belong to this network.
        """
        from plusx.model.resnet import ResNet

        net = ResNet(**{"num_layers": self.num_layers, **self.defaults, **options})
        if weights is not None:
            from plusx.model.pretrained import load_weights

            load_weights(net, weights, name=self.name)
        return net
