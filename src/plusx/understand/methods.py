"""The ways to explain an answer, each with what it does and what it does not prove. A new one is a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from plusx.errors import WrongUse, nearest
from plusx.understand.gradcam import Score, grad_cam, hires_cam, spread
from plusx.understand.integrated import integrated_gradients
from plusx.understand.occlusion import occlusion, steps_for
from plusx.understand.opened import Opened


@dataclass(frozen=True)
class Heat:
    """How much each place of each example mattered, `(batch, *space)`, in the score's own unit or in proportion to it.

    Places are those of the features; where channels are places themselves and a method tells them apart, `(batch,
    channels, *space)`. `facts` are further figures, an entry an example.
    """

    values: Float[np.ndarray, "batch ..."]
    facts: list[dict[str, Any]] = field(default_factory=list)


Raw = Shaped[np.ndarray, "batch channels *space"]


def by_grad_cam(network: Opened, raw: Raw, score: Score, layer: str | None) -> Heat:
    """By `grad_cam`, spread over the input."""
    features = network.features(raw)
    return Heat(spread(grad_cam(network.after, features, score, layer), features.shape[2:]).numpy())


def by_hires_cam(network: Opened, raw: Raw, score: Score, layer: str | None) -> Heat:
    """By `hires_cam`, spread over the input."""
    features = network.features(raw)
    return Heat(spread(hires_cam(network.after, features, score, layer), features.shape[2:]).numpy())


def by_integrated_gradients(network: Opened, raw: Raw, score: Score, layer: str | None) -> Heat:
    """By `integrated_gradients`, channels together; facts are `sum` and `difference`, which should be equal."""
    found = integrated_gradients(network.after, network.features(raw), score, network.nothing(raw))
    pairs = zip(found.total.tolist(), found.difference.tolist(), strict=True)
    values = found.values if network.apart else found.values.sum(1)
    return Heat(values.numpy(), [{"sum": total, "difference": difference} for total, difference in pairs])


def by_occlusion(network: Opened, raw: Raw, score: Score, layer: str | None) -> Heat:
    """By `occlusion`, with windows of about a seventh of each side."""
    features = network.features(raw)
    steps = steps_for(features.shape[2:])
    return Heat(occlusion(network.after, features, score, network.nothing(raw), steps).numpy())


@dataclass(frozen=True)
class Method:
    """A way to explain.

    Args:
        title: its name.
        heat: finds it.
        signed: whether there is heat against the answer, too.
        layered: whether it looks at a layer's map.
        does: what it does, in a sentence.
        proves_not: what it does not prove, in a sentence.
    """

    title: str
    heat: Callable[[Opened, Raw, Score, str | None], Heat]
    signed: bool
    layered: bool
    does: str
    proves_not: str


METHODS: dict[str, Method] = {
    "gradcam": Method(
        "Grad-CAM",
        by_grad_cam,
        signed=False,
        layered=True,
        does="Grad-CAM sums the channels of one of the network's maps, each weighted by how much more of it would "
        "raise the answer's score, and shows where this sum is above zero (arXiv 1610.02391).",
        proves_not="It does not prove that the rest played no part: the map is coarser than the input, what spoke "
        "against the answer is not shown, and one weight for a whole channel can light places that were not used.",
    ),
    "hirescam": Method(
        "HiResCAM",
        by_hires_cam,
        signed=True,
        layered=True,
        does="HiResCAM multiplies each place of one of the network's maps by its own gradient, and shows what each "
        "place added to the answer's score or took from it (arXiv 2011.08891).",
        proves_not="It does not prove that only these places were looked at: each place of the map has seen more of "
        "the input than it covers here.",
    ),
    "integrated": Method(
        "Integrated gradients",
        by_integrated_gradients,
        signed=True,
        layered=False,
        does="Integrated gradients shares the difference between this input's score and that of an empty one among "
        "all places, by the gradients on the straight way from one to the other (arXiv 1703.01365).",
        proves_not="It does not prove what a change of these places would do, and another idea of an empty input "
        "gives other shares.",
    ),
    "occlusion": Method(
        "Occlusion",
        by_occlusion,
        signed=True,
        layered=False,
        does="Occlusion covers the input window by window, and shows how much the answer's score falls while a place "
        "is covered (arXiv 1311.2901).",
        proves_not="It does not prove that the rest is not needed: where either of two parts suffices, covering one "
        "costs nothing, and a covered input is unlike all that the network was trained on.",
    ),
}


LOCAL = ("segment", "detect")
"""Tasks whose answers are about a part of a picture: a gradient's mean over all places says little of them."""


def usual_method(task: str) -> str:
    """The method that suits a task's answers.

    >>> usual_method("classify"), usual_method("detect")
    ('gradcam', 'hirescam')
    """
    return "hirescam" if task in LOCAL else "gradcam"


def find_method(name: str, layer: str | None) -> Method:
    """The method of this name.

    Raises:
        WrongUse: there is none, or it looks at no layer.
    """
    if name not in METHODS:
        raise WrongUse(f"--method {name}: no such method{nearest(name, list(METHODS))}; there are {', '.join(METHODS)}")
    method = METHODS[name]
    if layer is not None and not method.layered:
        layered = " and ".join(key for key, one in METHODS.items() if one.layered)
        raise WrongUse(f"--layer {layer}: it is for {layered}; leave it out")
    return method


def normalised(values: Float[np.ndarray, "*space"]) -> Float[np.ndarray, "*space"]:
    """An example's heat from -1 to 1, in proportion to its own largest; none at all stays none.

    >>> normalised(np.array([0.0, 2.0, -1.0])).tolist()
    [0.0, 1.0, -0.5]
    """
    largest = float(np.abs(values).max())
    return values / largest if largest > 0 else np.zeros_like(values)
