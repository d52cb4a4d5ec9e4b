"""Pictures as they come from the world: the fifteen common corruptions of Hendrycks and Dietterich (arXiv 1903.12261).

Each is a pure function of pictures, a severity from 1 to 5, a seed and the examples' places. Their parameters are those
of CIFAR-10-C at 32 and of ImageNet-C at 224 pixels; see `plusx.evaluate.corrupt.table`. A new one is a function and a
line here.

>>> import numpy as np
>>> CORRUPTIONS["contrast"](np.array([[[[40], [200]]]], np.uint8), severity=5).ravel().tolist()
[108, 132]
"""

from plusx.evaluate.corrupt.blur import defocus_blur, glass_blur, motion_blur, zoom_blur
from plusx.evaluate.corrupt.digital import contrast, elastic_transform, jpeg_compression, pixelate
from plusx.evaluate.corrupt.noise import gaussian_noise, impulse_noise, shot_noise
from plusx.evaluate.corrupt.pictures import Corruption
from plusx.evaluate.corrupt.table import SEVERITIES
from plusx.evaluate.corrupt.weather import brightness, fog, frost, snow

__all__ = ["CORRUPTIONS", "FAMILIES", "SEVERITIES", "Corruption"]

CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": gaussian_noise,
    "shot_noise": shot_noise,
    "impulse_noise": impulse_noise,
    "defocus_blur": defocus_blur,
    "glass_blur": glass_blur,
    "motion_blur": motion_blur,
    "zoom_blur": zoom_blur,
    "snow": snow,
    "frost": frost,
    "fog": fog,
    "brightness": brightness,
    "contrast": contrast,
    "elastic_transform": elastic_transform,
    "pixelate": pixelate,
    "jpeg_compression": jpeg_compression,
}
"""In the paper's order."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "frost", "fog", "brightness"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
}
"""The paper's four kinds."""
