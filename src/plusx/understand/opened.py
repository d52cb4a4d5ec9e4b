"""A model file's network in two parts: what makes numbers of an input, and what is explained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from plusx.archive import Archive
from plusx.engines.torch import build_network
from plusx.model.resnet import ResNet
from plusx.model.stems import EmbedBytes
from plusx.understand.gradcam import Features


@dataclass(frozen=True)
class Opened:
    """A network of which each part can be asked.

    Args:
        before: from raw inputs to features, which are real numbers: normalised pixels, a log-mel spectrogram, and of
            texts the vectors of their bytes, since bytes themselves are names and no amounts.
        after: from features to outputs; of vectors those before they are brought to length 1, since a cosine to
            itself, being at its largest, has no gradient.
        silent: whether nothing is what zeros become before the front (silence), and not zero behind it, which is the
            training's mean, or no text.
        bands: whether features' channels are a spectrogram's bands.
    """

    before: nn.Module
    after: ResNet
    silent: bool
    bands: bool

    def features(self, raw: Shaped[np.ndarray, "batch channels *space"]) -> Features:
        """What the network takes for these inputs, as the modality prepares them, channels first."""
        with torch.no_grad():
            return self.before(torch.from_numpy(np.ascontiguousarray(raw)))

    def nothing(self, raw: Shaped[np.ndarray, "batch channels *space"]) -> Features:
        """The baseline: what the network takes where there is nothing."""
        if self.silent:
            return self.features(np.zeros_like(raw))
        return torch.zeros_like(self.features(raw))

    def outputs(self, features: Features) -> Float[np.ndarray, "batch ..."]:
        """As the task's answers take them."""
        with torch.no_grad():
            return self.after(features).numpy()


def opened(archive: Archive) -> Opened:
    """The archive's network, on the CPU and without gradients for its weights.

    Raises:
        PlusxError: its weights do not fit its network.
    """
    whole = build_network(archive).requires_grad_(False)
    before, after = whole.get_submodule("front"), whole.get_submodule("net")
    assert isinstance(after, ResNet)
    if isinstance(embed := getattr(after.stem, "embed", None), EmbedBytes):
        before = nn.Sequential(before, embed)
        after.stem.set_submodule("embed", nn.Identity())
    if hasattr(after.head, "unit"):
        after.head.set_submodule("unit", nn.Identity())
    preprocessing = archive.manifest.preprocessing
    sound = preprocessing["modality"] == "sound" and preprocessing["front"] == "logmel"
    return Opened(before, after, silent=sound, bands=sound and preprocessing["bands"] == "channels")


class LastMap:
    """An engine that gives the last stage's mean over all places, `(batch, channels)`: a vector of any network."""

    name = "torch"

    def __init__(self, archive: Archive):
        self._network = opened(archive)

    def __call__(self, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch channels"]:
        with torch.no_grad():
            maps: dict[str, Tensor] = self._network.after.features(self._network.features(inputs))
        return list(maps.values())[-1].flatten(2).mean(2).numpy()
