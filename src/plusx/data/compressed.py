"""FLAC, Ogg Vorbis and MP3, by miniaudio (MIT, from `plusx[audio]`)."""

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from plusx.data.decode import BadSample
from plusx.data.wav import MAX_SAMPLES, Wave

# An MP3 begins with a tag or with a frame's eleven ones, then its version and layer III.
_MP3 = (b"ID3", b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2", b"\xff\xe3", b"\xff\xe2")


def kind_of(source: bytes) -> str | None:
    """FLAC, Ogg Vorbis or MP3, by its first bytes; None for anything else."""
    return next((kind for kind, starts in STARTS.items() if source.startswith(starts)), None)


def read_compressed(source: bytes, max_samples: int = MAX_SAMPLES) -> Wave:
    """A FLAC, Ogg Vorbis or MP3 file, told by its first bytes.

    Raises:
        BadSample: it is none of them, damaged, may unpack to more samples (all channels together) than are allowed, or
            miniaudio is not installed.
    """
    kind = kind_of(source)
    if kind is None:
        raise BadSample("not a WAV, FLAC, Ogg Vorbis or MP3 sound, whatever its name says")
    try:
        # By its name, so that plusx needs it for such files only.
        miniaudio: Any = import_module("miniaudio")
    except ImportError:
        raise BadSample(f"reading {kind} needs miniaudio: pip install 'plusx[audio]'") from None
    try:
        if (count := most_samples(source, miniaudio, max_samples)) > max_samples:
            raise BadSample(f"up to {count} samples are above the limit of {max_samples} (max_samples); part it")
        sound = READERS[kind](miniaudio)(source)
    except miniaudio.DecodeError:
        raise BadSample(f"the {kind} file is damaged or cut short; copy it again") from None
    # Vorbis comes as int16.
    values = np.asarray(sound.samples)
    values = values.astype(np.float32) / 32_768 if values.dtype == np.int16 else values
    return Wave(values.reshape(-1, sound.nchannels), sound.sample_rate)


def most_samples(source: bytes, miniaudio: Any, enough: int) -> int:
    """So many samples, all channels together, or fewer come out of a compressed sound; what its header says is not
    believed.

    Args:
        source: the file.
        miniaudio: the module.
        enough: an MP3 of which a rough bound is below is not counted further.
    """
    kind = kind_of(source)
    if kind == "FLAC":
        return _most_of_flac(source)
    if kind == "Ogg Vorbis":
        return _most_of_vorbis(source)
    rough = MP3_SAMPLES_A_BYTE * len(source)
    if rough <= enough:
        return rough
    info = miniaudio.mp3_get_info(source)
    return info.num_frames * info.nchannels


def _most_of_flac(source: bytes) -> int:
    """By the frames' marks, of which some stand for none; each frame has the header's largest size at most."""
    longest, about = int.from_bytes(source[10:12], "big"), int.from_bytes(source[18:26], "big")
    channels, said = (about >> 41 & 7) + 1, about & (1 << 36) - 1
    frames = longest * len(_FLAC_FRAME.findall(source))
    return channels * (min(said, frames) if said else frames)


def _most_of_vorbis(source: bytes) -> int:
    """By the packets, each of which gives half the header's longer block at most."""
    channels, blocks = source[39:40], source[56:57]
    if not channels or not blocks:
        return 0
    each = channels[0] * ((1 << (blocks[0] >> 4)) // 2)
    packets, place = 0, 0
    while (place := source.find(b"OggS", place)) >= 0:
        segments = source[place + 26 : place + 27]
        lengths = source[place + 27 : place + 27 + (segments[0] if segments else 0)]
        # One that fills its segment goes on in the next.
        packets += len(lengths) - lengths.count(255)
        place += 4
    return packets * each


MP3_SAMPLES_A_BYTE = 64
"""Of an MP3 that is made for it: 2 x 1152 samples from a header and the side information of two channels alone."""
_FLAC_FRAME = re.compile(rb"\xff[\xf8\xf9]")
STARTS: dict[str, tuple[bytes, ...]] = {"FLAC": (b"fLaC",), "Ogg Vorbis": (b"OggS",), "MP3": _MP3}
READERS: dict[str, Callable[[Any], Callable[[bytes], Any]]] = {
    "FLAC": lambda miniaudio: miniaudio.flac_read_f32,
    "Ogg Vorbis": lambda miniaudio: miniaudio.vorbis_read,
    "MP3": lambda miniaudio: miniaudio.mp3_read_f32,
}
