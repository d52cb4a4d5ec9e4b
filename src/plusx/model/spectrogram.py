"""The front of sounds: int16 samples to normalised log-mel spectrograms, by products of matrices alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Num
from torch import Tensor, nn

from plusx.mel import FLOOR, FULL_SCALE, Mel


class LogMel(nn.Module):
    """(log of each band's power - mean) / std.

    Frames are cut by shifting whole hops, so that neither `torch.stft` nor `unfold` is needed, which few runtimes have.

    Args:
        mel: the spectrogram's numbers.
        mean: of the log-mel values.
        std: of the same.
        as_rows: whether bands are a picture's rows, or channels.

    Shapes: `(batch, 1, samples)` to `(batch, 1, mels, frames)`, or to `(batch, mels, frames)`.

    >>> LogMel(Mel(16_000, 400, 160, 40, 20, 8000), 0, 1)(torch.zeros(2, 1, 16_000, dtype=torch.int16)).shape
    torch.Size([2, 1, 40, 101])
    """

    waves: Tensor
    filters: Tensor

    def __init__(self, mel: Mel, mean: float, std: float, *, as_rows: bool = True):
        super().__init__()
        self.mel, self.mean, self.std, self.as_rows = mel, mean, std, as_rows
        self.hops = -(-mel.window // mel.hop)
        waves = torch.from_numpy(mel.waves.T / FULL_SCALE)
        # Not in the state dict: they follow from the preprocessing, and are stored there once.
        rows = self.hops * mel.hop - mel.window
        self.register_buffer("waves", F.pad(waves, (0, 0, 0, rows)).contiguous(), persistent=False)
        self.register_buffer("filters", torch.from_numpy(mel.filters), persistent=False)

    def forward(self, x: Num[Tensor, "batch 1 samples"]) -> Float[Tensor, "batch ..."]:
        if torch.is_autocast_enabled(x.device.type):
            # bfloat16 has 8 bits: quiet bands would drown in the loud ones' rounding.
            with torch.autocast(x.device.type, enabled=False):
                return self._features(x)
        return self._features(x)

    def _features(self, x: Num[Tensor, "batch 1 samples"]) -> Float[Tensor, "batch ..."]:
        spectrum = self._frames(x[:, 0].to(self.waves.dtype)) @ self.waves
        cosines, sines = spectrum.square().chunk(2, dim=2)
        power = self.filters @ (cosines + sines).transpose(1, 2)
        levels = ((power + FLOOR).log() - self.mean) / self.std
        return levels[:, None] if self.as_rows else levels

    def _frames(self, x: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch frames hops*hop"]:
        hop, count = self.mel.hop, self.mel.frames(x.shape[1])
        before = self.mel.window // 2
        after = (count + self.hops - 1) * hop - before - x.shape[1]
        cells = F.pad(x, (before, max(after, 0)))[:, : (count + self.hops - 1) * hop].unflatten(1, (-1, hop))
        return torch.cat([cells[:, shift : shift + count] for shift in range(self.hops)], dim=2)
