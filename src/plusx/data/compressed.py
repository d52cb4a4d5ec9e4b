"""FLAC, Ogg Vorbis and MP3, by miniaudio (MIT, from `plusx[audio]`)."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from plusx.data.decode import BadSample
from plusx.data.wav import Wave

# An MP3 begins with a tag or with a frame's eleven ones, then its version and layer III.
_MP3 = (b"ID3", b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2", b"\xff\xe3", b"\xff\xe2")


def read_compressed(source: bytes) -> Wave:
    """A FLAC, Ogg Vorbis or MP3 file, told by its first bytes.

    Raises:
        BadSample: it is none of them, damaged, or miniaudio is not installed.
    """
    kind = next((kind for kind, starts in STARTS.items() if source.startswith(starts)), None)
    if kind is None:
        raise BadSample("not a WAV, FLAC, Ogg Vorbis or MP3 sound, whatever its name says")
    try:
        # By its name, so that plusx needs it for such files only.
        miniaudio: Any = import_module("miniaudio")
    except ImportError:
        raise BadSample(f"reading {kind} needs miniaudio: pip install 'plusx[audio]'") from None
    try:
        sound = READERS[kind](miniaudio)(source)
    except miniaudio.DecodeError:
        raise BadSample(f"the {kind} file is damaged or cut short; copy it again") from None
    # Vorbis comes as int16.
    values = np.asarray(sound.samples)
    values = values.astype(np.float32) / 32_768 if values.dtype == np.int16 else values
    return Wave(values.reshape(-1, sound.nchannels), sound.sample_rate)


STARTS: dict[str, tuple[bytes, ...]] = {"FLAC": (b"fLaC",), "Ogg Vorbis": (b"OggS",), "MP3": _MP3}
READERS: dict[str, Callable[[Any], Callable[[bytes], Any]]] = {
    "FLAC": lambda miniaudio: miniaudio.flac_read_f32,
    "Ogg Vorbis": lambda miniaudio: miniaudio.vorbis_read,
    "MP3": lambda miniaudio: miniaudio.mp3_read_f32,
}
