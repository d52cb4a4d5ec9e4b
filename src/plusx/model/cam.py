"""Class-activation maps (arXiv 1512.04150) as a part of the network's own graph, wherever it is exported to."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float, Num
from torch import Tensor, nn

from plusx.errors import WrongUse
from plusx.model.resnet import ResNet

PLACELESS = ("largest", "vdcnn")
"""Necks after which a map has no places any more."""


class CamNetwork(nn.Module):
    """A network that answers with its logits and with a map for each class: `(logits, maps)`.

    Its head must be a mean over all places and a linear layer. A class's map, summed, is with the class's bias its
    logit (the paper's equations 1 and 2; its sums over places are means here, as in all residual networks). Where
    nothing stands between the last stage and the mean, that is HiResCAM's map, and its positive part Grad-CAM's.

    Args:
        whole: front and network, as `plusx.engines.torch.build_network` gives them; or a network alone.

    Shapes: `(batch, channels, *space)` to `(batch, classes)` and `(batch, classes, *reduced)`.

    Raises:
        WrongUse: the network's head is another, or leaves no places.

    >>> import torch
    >>> net = CamNetwork(ResNet([1, 1], 4, num_classes=3)).eval()
    >>> logits, maps = net(torch.randn(2, 3, 8, 8))
    >>> logits.shape, maps.shape
    (torch.Size([2, 3]), torch.Size([2, 3, 4, 4]))
    """

    def __init__(self, whole: nn.Module):
        super().__init__()
        net = whole if isinstance(whole, ResNet) else whole.get_submodule("net")
        assert isinstance(net, ResNet)
        head, neck = net.spec["head"], net.spec["neck"]
        if head != "linear" or neck in PLACELESS:
            what = f"a neck {neck}" if neck in PLACELESS else f"a head {head}"
            raise WrongUse(f"a network with {what} has no map for each class in its graph; explain it by gradients")
        self.front = nn.Identity() if whole is net else whole.get_submodule("front")
        self.stem, self.stages = net.stem, net.stages
        layers = dict(net.head.named_children())
        self.linear = layers.pop("linear")
        self.pool = nn.Sequential(layers.pop("pool"), layers.pop("flatten"))
        self.before = nn.Sequential(*layers.values())

    def forward(
        self, x: Num[Tensor, "batch channels *space"]
    ) -> tuple[Float[Tensor, "batch classes"], Float[Tensor, "batch classes *reduced"]]:
        last = self.before(self.stages(self.stem(self.front(x))))
        assert isinstance(self.linear, nn.Linear)
        places = last.flatten(2).shape[2]
        maps = F.linear(last.movedim(1, -1), self.linear.weight).movedim(-1, 1) / places
        return self.linear(self.pool(last)), maps
