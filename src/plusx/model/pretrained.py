"""Other libraries' weights into our networks and back. Only this file knows what they call their layers."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from plusx.errors import WrongUse
from plusx.model.published import State, read_state
from plusx.model.resnet import ResNet

Rules = list[tuple[str, str]]


def load_weights(net: ResNet, weights: str, *, name: str = "") -> None:
    """Loads published or local weights into `net`, in place.

    Args:
        net: the network to fill; a head of another number of classes keeps its fresh weights, and a warning
            says so.
        weights: a local file (`.safetensors`, or `.pth`/`.pt`/`.bin`, read without unpickling objects), a
            folder that transformers' `save_pretrained` wrote, or `torchvision/IMAGENET1K_V2`,
            `timm/resnet50.a1_in1k`, `microsoft/resnet-50` (transformers): those three download through that
            library, which checks hashes or reads safetensors.
        name: the network's name in torchvision, which its weight records are sorted by.

    Raises:
        WrongUse: `weights` names nothing known, or belongs to another network.
        PlusxError: the file cannot be read, or the library that is asked for is not installed or fails.
    """
    load_state(net, read_state(weights, name), weights)


def read_network(weights: str, build: Callable[..., ResNet], *, name: str = "") -> ResNet:
    """The network that `build` makes, with these weights and as many classes and input channels as they have.

    Weights without a head give a network without a linear one.

    Raises:
        WrongUse, PlusxError: as `load_weights`.
    """
    state = read_state(weights, name)
    with torch.device("meta"):
        unfilled = build()
    rules = FAMILIES[_family(state, weights)](unfilled.spec)
    head, stem = (state.get(_rename(ours, rules)) for ours in (_HEAD[0], "stem.conv1.weight"))
    options = {"head": "pool"} if head is None else {"num_classes": head.shape[0]}
    net = build(**options, **({} if stem is None else {"in_channels": stem.shape[1]}))
    load_state(net, state, weights)
    return net


def load_state(net: ResNet, state: State, source: str = "the state dict") -> None:
    """Loads a state dict in torchvision's, timm's, transformers' or our own names into `net`, in place.

    Raises:
        WrongUse: it belongs to another network.

    >>> import torchvision
    >>> from plusx.model.zoo import resnet18
    >>> load_state(resnet18(), torchvision.models.resnet18().state_dict())
    """
    state = {name: tensor for name, tensor in state.items() if not name.startswith(_UNUSED)}
    rules = FAMILIES[_family(state, source)](net.spec)
    names = {ours: _rename(ours, rules) for ours in net.state_dict()}
    # A network without a linear head leaves theirs behind.
    known = {*names.values(), *(_rename(ours, rules) for ours in _HEAD)}
    fresh = _replaced_head(net, state, names, source)
    # Files older than num_batches_tracked do not have it; training only counts with it.
    wanted = {
        ours: theirs
        for ours, theirs in names.items()
        if ours not in fresh and not (ours.endswith("num_batches_tracked") and theirs not in state)
    }
    _check(net, state, wanted, known, source)
    ours = net.state_dict()
    net.load_state_dict({k: state[v].reshape(ours[k].shape) for k, v in wanted.items()}, strict=False)


def state_for(net: ResNet, family: str) -> dict[str, Tensor]:
    """Our weights in another library's names, for its `load_state_dict(strict=True)`.

    Args:
        net: any network that the library can build, too.
        family: `torchvision` (also timm's resnet file, which kept its names), `torchvision_segmentation` (its
            fcn_resnet50 and deeplabv3_resnet50), `timm_v2` (timm's resnetv2) or `transformers`.

    Raises:
        WrongUse: `family` is none of these.

    >>> from plusx.model.zoo import resnet18
    >>> list(state_for(resnet18(), "torchvision"))[0]
    'conv1.weight'
    """
    if family not in FAMILIES:
        raise WrongUse(f"{family}: no such family of weights; there are {', '.join(FAMILIES)}")
    rules = FAMILIES[family](net.spec)
    state = {_rename(ours, rules): tensor for ours, tensor in net.state_dict().items()}
    if family == "timm_v2":
        # Its classifier is a 1x1 convolution.
        state["head.fc.weight"] = state["head.fc.weight"][:, :, None, None]
    return state


def _torchvision(spec: Mapping[str, Any]) -> Rules:
    deep = spec["stem"].startswith("deep")
    projection = 1 if spec["shortcut"] == "D" else 0
    stem = [
        (r"^stem\.conv1\.", "conv1.0."),
        (r"^stem\.norm1\.", "conv1.1."),
        (r"^stem\.conv2\.", "conv1.3."),
        (r"^stem\.norm2\.", "conv1.4."),
        (r"^stem\.conv3\.", "conv1.6."),
        (r"^stem\.norm3\.", "bn1."),
        (r"^stem\.conv4\.", "maxpool.0."),
        (r"^stem\.norm4\.", "maxpool.1." if spec["antialias"] == "none" else "maxpool.2."),
    ]
    return [
        *(stem if deep else [(r"^stem\.conv1\.", "conv1."), (r"^stem\.norm1\.", "bn1.")]),
        *_stages(lambda stage: f"layer{stage + 1}."),
        (r"\.branch\.conv", ".conv"),
        (r"\.branch\.norm", ".bn"),
        (r"\.branch\.attention\.reduce\.", ".se.fc1."),
        (r"\.branch\.attention\.expand\.", ".se.fc2."),
        (r"\.branch\.attention\.", ".se."),
        (r"\.shortcut\.conv\.", f".downsample.{projection}."),
        (r"\.shortcut\.norm\.", f".downsample.{projection + 1}."),
        (r"^head\.linear\.", "fc."),
    ]


def _torchvision_segmentation(spec: Mapping[str, Any]) -> Rules:
    backbone = [(rf"^{part}\.", f"backbone.{part}.") for part in ("conv1", "bn1", *(f"layer{n}" for n in range(1, 17)))]
    fcn = [(r"^head\.conv\.", "classifier.0."), (r"^head\.norm\.", "classifier.1.")]
    deeplab = [
        (r"^head\.near\.conv\.", "classifier.0.convs.0.0."),
        (r"^head\.near\.norm\.", "classifier.0.convs.0.1."),
        *((rf"^head\.far\.{k}\.conv\.", f"classifier.0.convs.{k + 1}.0.") for k in range(3)),
        *((rf"^head\.far\.{k}\.norm\.", f"classifier.0.convs.{k + 1}.1.") for k in range(3)),
        (r"^head\.whole\.conv\.", "classifier.0.convs.4.1."),
        (r"^head\.whole\.norm\.", "classifier.0.convs.4.2."),
        (r"^head\.project\.conv\.", "classifier.0.project.0."),
        (r"^head\.project\.norm\.", "classifier.0.project.1."),
        (r"^head\.last\.conv\.", "classifier.1."),
        (r"^head\.last\.norm\.", "classifier.2."),
    ]
    head = fcn if spec["head"] == "fcn" else deeplab
    return [*_torchvision(spec), *backbone, *head, (r"^head\.classifier\.", "classifier.4.")]


def _timm_v2(spec: Mapping[str, Any]) -> Rules:
    return [
        (r"^stem\.conv1\.", "stem.conv."),
        *_stages(lambda stage: f"stages.{stage}.blocks."),
        (r"\.preact\.", "."),
        (r"(\.residual)?\.branch\.", "."),
        (r"(\.residual)?\.shortcut\.", ".downsample."),
        (r"^head\.norm\.", "norm."),
        (r"^head\.linear\.", "head.fc."),
    ]


def _transformers(spec: Mapping[str, Any]) -> Rules:
    return [
        (r"^stem\.conv1\.", "resnet.embedder.embedder.convolution."),
        (r"^stem\.norm1\.", "resnet.embedder.embedder.normalization."),
        *_stages(lambda stage: f"resnet.encoder.stages.{stage}.layers."),
        *((rf"\.branch\.conv{k}\.", f".layer.{k - 1}.convolution.") for k in (1, 2, 3)),
        *((rf"\.branch\.norm{k}\.", f".layer.{k - 1}.normalization.") for k in (1, 2, 3)),
        (r"\.shortcut\.conv\.", ".shortcut.convolution."),
        (r"\.shortcut\.norm\.", ".shortcut.normalization."),
        (r"^head\.linear\.", "classifier.1."),
    ]


def _ours(spec: Mapping[str, Any]) -> Rules:
    return []


FAMILIES: dict[str, Callable[[Mapping[str, Any]], Rules]] = {
    "torchvision": _torchvision,
    "torchvision_segmentation": _torchvision_segmentation,
    "timm_v2": _timm_v2,
    "transformers": _transformers,
    "plusx": _ours,
}

_HEAD = ("head.linear.weight", "head.linear.bias")
_CLASSIFIER = ("head.classifier.weight", "head.classifier.bias")
# A second head that torchvision trains with, and nobody answers with.
_UNUSED = "aux_classifier."

# A layer that only networks of the family have.
_MARKS = {
    "layer1.0.conv1.weight": "torchvision",
    "backbone.layer1.0.conv1.weight": "torchvision_segmentation",
    "stages.0.blocks.0.conv1.weight": "timm_v2",
    "resnet.embedder.embedder.convolution.weight": "transformers",
}


def _stages(theirs: Callable[[int], str]) -> Rules:
    # A regular expression cannot count, and torchvision counts from 1; no network of theirs has 16 stages.
    return [(rf"^stages\.{stage}\.", theirs(stage)) for stage in range(16)]


def _rename(name: str, rules: Rules) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name, count=1)
    return name


def _family(state: State, source: str) -> str:
    for mark, family in _MARKS.items():
        if mark in state:
            return family
    if any(name.startswith("stages.0.0.") for name in state):
        return "plusx"
    raise WrongUse(f"{source}: no residual network's weights that are known; its first is {next(iter(state), 'none')}")


def _replaced_head(net: ResNet, state: State, names: Mapping[str, str], source: str) -> set[str]:
    """Our head's names if its size is not theirs: then it stays as it is."""
    head = _CLASSIFIER if _CLASSIFIER[0] in names else _HEAD
    theirs = names.get(head[0])
    if theirs is None or theirs not in state:
        return set()
    classes, published = net.spec["num_classes"], state[theirs].shape[0]
    if classes == published:
        return set()
    warnings.warn(f"{source}: its head of {published} classes was replaced by a fresh one of {classes}", stacklevel=4)
    return set(head)


def _check(net: nn.Module, state: State, wanted: Mapping[str, str], known: set[str], source: str) -> None:
    missing = [theirs for theirs in wanted.values() if theirs not in state]
    extra = [name for name in state if name not in known]
    if missing or extra:
        difference = f"it lacks {missing[0]}" if missing else f"it has {extra[0]} too"
        raise WrongUse(f"{source}: weights of another network: {difference}")
    ours = net.state_dict()
    for name, theirs in wanted.items():
        if not _same_shape(ours[name].shape, state[theirs].shape):
            shapes = f"{tuple(state[theirs].shape)} where this network has {tuple(ours[name].shape)}"
            raise WrongUse(f"{source}: weights of another network: {theirs} is {shapes}")


def _same_shape(ours: torch.Size, theirs: torch.Size) -> bool:
    # A linear layer may be stored as a 1x1 convolution.
    short, long = sorted((tuple(ours), tuple(theirs)), key=len)
    return long == short + (1,) * (len(long) - len(short))
