"""Other libraries' networks with weights that hide nothing."""

import pytest
from torch import nn


def randomise(net: nn.Module) -> None:
    """Norms that scale, shift and remember: fresh ones would hide a layer in another's place."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)


def transformers_resnet(name: str) -> nn.Module:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    basic = {"layer_type": "basic", "depths": [2, 2, 2, 2], "hidden_sizes": [64, 128, 256, 512]}
    config = transformers.ResNetConfig(num_labels=1000, **(basic if name == "resnet18" else {}))
    return transformers.ResNetForImageClassification(config)
