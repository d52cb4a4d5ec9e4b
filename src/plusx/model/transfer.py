"""Weights of one of our networks into another: what fits is taken, the rest stays fresh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from plusx.model.inflate import inflated, on_channels
from plusx.model.resnet import ResNetSpec
from plusx.model.zoo import ZOO

HEAD = ("head.linear.weight", "head.linear.bias", "head.classifier.weight", "head.classifier.bias")
FIRST = "stem.conv1.weight"


@dataclass(frozen=True)
class Transfer:
    """What became of a network's tensors, by name: `taken` whole, `adapted` in part or reshaped, `fresh`.

    `inflated` names those of the first two that are a picture's filters, inflated for volumes.
    """

    taken: tuple[str, ...]
    adapted: tuple[str, ...]
    fresh: tuple[str, ...]
    inflated: tuple[str, ...] = ()

    def __str__(self) -> str:
        total = len(self.taken) + len(self.adapted) + len(self.fresh)
        parts = [f"{len(self.taken)} of {total} tensors taken"]
        if self.inflated:
            parts.append(f"{len(self.inflated)} of them filters of pictures, inflated along depth")
        if FIRST in self.adapted:
            parts.append("the stem adapted to the input channels")
        if set(HEAD) & set(self.adapted):
            parts.append("of the head the classes of the same names")
        if self.fresh:
            more = f" and {len(self.fresh) - 2} more" if len(self.fresh) > 2 else ""
            parts.append(f"fresh: {', '.join(self.fresh[:2])}{more}")
        return "; ".join(parts)


def transfer(
    net: nn.Module,
    weights: Mapping[str, Tensor],
    classes: Sequence[str] = (),
    their_classes: Sequence[str] | None = None,
) -> Transfer:
    """Copies into `net`, in place, every tensor of `weights` whose name and shape fit.

    A head's rows go to the classes of the same names; where their names are not known, in order if there are as many.
    A stem for another number of input channels keeps what it answers to channels that are all alike: its filters are
    summed over them, and shared out evenly. Filters of pictures are inflated where `net` is for volumes.

    Args:
        net: a `ResNet`.
        weights: in our names.
        classes: of the head of `net`.
        their_classes: of the head in `weights`.

    >>> from plusx.model.zoo import resnet8
    >>> str(transfer(resnet8(num_classes=3), resnet8().state_dict(), "abc", "xyz"))
    '54 of 56 tensors taken; fresh: head.linear.weight, head.linear.bias'
    """
    found: dict[str, list[str]] = {"taken": [], "adapted": [], "fresh": [], "inflated": []}
    for name, ours in net.state_dict().items():
        theirs = _in_our_dimensions(ours, weights.get(name))
        value = None if theirs is None else _fitted(name, ours, theirs, classes, their_classes)
        how = "fresh" if value is None else "taken" if value is theirs else "adapted"
        found[how].append(name)
        if value is not None:
            ours.copy_(value)
            if weights[name].ndim < ours.ndim:
                found["inflated"].append(name)
    return Transfer(**{how: tuple(names) for how, names in found.items()})


def _in_our_dimensions(ours: Tensor, theirs: Tensor | None) -> Tensor | None:
    if theirs is not None and (theirs.ndim, ours.ndim) == (4, 5):
        return inflated(theirs, ours.shape[2])
    return theirs


def _fitted(
    name: str, ours: Tensor, theirs: Tensor, classes: Sequence[str], their_classes: Sequence[str] | None
) -> Tensor | None:
    if name in HEAD and their_classes is not None and tuple(classes) != tuple(their_classes):
        return _same_named_rows(ours, theirs, classes, their_classes)
    if ours.shape == theirs.shape:
        return theirs
    if _fits(name, ours, theirs):
        return on_channels(theirs, ours.shape[1])
    return None


def transferable(net: nn.Module, weights: Mapping[str, Tensor]) -> bool:
    """Whether any layer before the head would be taken; `net` may be without storage, on torch's device `meta`.

    Normalisations do not count: theirs are vectors, which may happen to be of the same length.
    """
    return any(
        name.endswith(".weight") and ".norm" not in name and name not in HEAD and _fits(name, ours, theirs)
        for name, ours in net.state_dict().items()
        if (theirs := _in_our_dimensions(ours, weights.get(name))) is not None
    )


def _fits(name: str, ours: Tensor, theirs: Tensor) -> bool:
    if ours.ndim < 2 or name != FIRST:
        return ours.shape == theirs.shape
    return ours.shape[0] == theirs.shape[0] and ours.shape[2:] == theirs.shape[2:]


def _same_named_rows(
    ours: Tensor, theirs: Tensor, classes: Sequence[str], their_classes: Sequence[str]
) -> Tensor | None:
    places = {label: place for place, label in enumerate(their_classes)}
    rows = [(row, places[label]) for row, label in enumerate(classes) if label in places]
    if not rows or ours.shape[1:] != theirs.shape[1:]:
        return None
    to, taken = map(list, zip(*rows, strict=True))
    value = ours.clone()
    value[to] = theirs[taken].to(value.dtype)
    return value


def in_the_zoo(spec: Mapping[str, Any], name: str = "") -> tuple[str, dict[str, Any]]:
    """A network of the zoo, `name` if that is one, and the options that make it the network of `spec`.

    Head, classes and input channels are left out: the task and the examples decide them.

    >>> from plusx.model.zoo import resnet14
    >>> in_the_zoo(resnet14(stem="small").spec, "resnet14")
    ('resnet14', {'stem': 'small'})
    """
    names = [name] if name in ZOO else list(ZOO)
    options = {each: _options(spec, each) for each in names}
    nearest = min(names, key=lambda each: len(options[each]))
    return nearest, options[nearest]


def _options(spec: Mapping[str, Any], name: str) -> dict[str, Any]:
    base = ResNetSpec.model_validate({"num_layers": ZOO[name].num_layers, **ZOO[name].defaults}).model_dump(mode="json")
    decided = ("head", "num_classes", "in_channels")
    return {key: value for key, value in spec.items() if key not in decided and value != base[key]}
