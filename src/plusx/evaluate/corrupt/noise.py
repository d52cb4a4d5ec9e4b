"""Noise: of a sensor, of too little light, of broken pixels."""

from __future__ import annotations

import numpy as np

from plusx.evaluate.corrupt.pictures import Planes, Randoms, corruption, normals, side_of, uniforms
from plusx.evaluate.corrupt.table import Table

DEVIATION = Table((0.04, 0.06, 0.08, 0.09, 0.10), (0.08, 0.12, 0.18, 0.26, 0.38))
PHOTONS = Table((500, 250, 100, 75, 50), (60, 25, 12, 5, 3))
BROKEN = Table((0.01, 0.02, 0.03, 0.05, 0.07), (0.03, 0.06, 0.09, 0.17, 0.27))


@corruption
def gaussian_noise(planes: Planes, severity: int, randoms: Randoms) -> Planes:
    """Each value has a number of a normal distribution added."""
    return planes + DEVIATION.at(severity, side_of(planes)) * normals(randoms, *planes.shape[1:])


@corruption
def shot_noise(planes: Planes, severity: int, randoms: Randoms) -> Planes:
    """Light comes in single photons: where white is so many on average, each pixel counts a Poisson number of them."""
    photons = PHOTONS.at(severity, side_of(planes))
    counted = [random.poisson(photons * own) for own, random in zip(planes, randoms, strict=True)]
    return (np.array(counted) / photons).astype(np.float32)


@corruption
def impulse_noise(planes: Planes, severity: int, randoms: Randoms) -> Planes:
    """So large a share of values is broken: half of these are black, half are full."""
    broken = BROKEN.at(severity, side_of(planes))
    drawn = uniforms(randoms, *planes.shape[1:])
    planes = np.where(drawn < broken / 2, 0, planes)
    return np.where(drawn >= 1 - broken / 2, 1, planes)
