"""What a server allows its models' inputs, who may come from anybody."""

from __future__ import annotations

import json
from typing import Any

from plusx.data.image import ImageSpec
from plusx.data.modalities import Spec
from plusx.data.signal import SignalSpec
from plusx.data.sound import SoundSpec
from plusx.data.volume import VolumeSpec
from plusx.serving.refusals import Refused
from plusx.serving.settings import Settings

OPENING = (b",", b"[", b"{")
"""Each value in JSON but the first comes after one of these."""


def limited(spec: Spec, settings: Settings) -> Spec:
    """The same preprocessing, which refuses what is larger than the server takes.

    >>> limited(ImageSpec(height=8, width=8, channels=1), Settings(pixels=100)).max_pixels
    100
    """
    if isinstance(spec, ImageSpec):
        return spec.model_copy(update={"max_pixels": min(spec.max_pixels, settings.pixels)})
    if isinstance(spec, VolumeSpec):
        return spec.model_copy(update={"max_voxels": min(spec.max_voxels, settings.voxels)})
    if isinstance(spec, SoundSpec):
        return spec.model_copy(update={"max_samples": min(spec.max_samples, settings.samples)})
    if isinstance(spec, SignalSpec):
        return spec.model_copy(update={"max_samples": min(spec.max_samples, settings.values)})
    return spec


def check_json(body: bytes, most: int) -> None:
    """Nothing, where JSON has no more values than that.

    Reading it stops all of Python, and a list of lists takes twenty times its bytes: so they are counted first.

    Raises:
        Refused: it may have more (413).
    """
    if sum(body.count(mark) for mark in OPENING) > most:
        raise Refused(413, f"the JSON has more than {most} values; send files, or tensors as bytes")


def read_json(body: bytes, settings: Settings) -> Any:
    """What a body says in JSON.

    Raises:
        Refused: it is no JSON (400), or has more values than are allowed (413).

    >>> read_json(b'{"inputs": [1, 2]}', Settings())
    {'inputs': [1, 2]}
    """
    check_json(body, settings.json_values)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is no JSON") from None
