"""What is told of the memory that decoding takes: no less than it takes."""

import subprocess
import sys
from pathlib import Path

import hostile
import numpy as np
import pytest

from plusx.data.footprint import footprint_bytes
from plusx.data.image import ImageSpec
from plusx.data.modalities import Spec
from plusx.data.signal import SignalSpec
from plusx.data.sound import SoundSpec
from plusx.data.text import TextSpec
from plusx.data.volume import VolumeSpec

PICTURE = ImageSpec(height=32, width=32, channels=3)
SOUND = SoundSpec(samples=16_000)
VOLUME = VolumeSpec(depth=8, height=8, width=8, spacing=(1, 1, 1))
MEASURE = """
import json, re, sys
from pathlib import Path
from plusx.data.modalities import spec_from_json
def highest():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
spec, source, small = spec_from_json(json.loads(sys.argv[1])), *(Path(path).read_bytes() for path in sys.argv[2:])
spec.prepare(small)
# The highest so far is forgotten.
Path("/proc/self/clear_refs").write_text("5")
before = highest()
spec.prepare(source)
print(highest() - before)
"""

CASES: dict[str, tuple[Spec, bytes, bytes]] = {
    "PNG": (PICTURE, hostile.blank_png(3000, 3000), hostile.blank_png(9, 9)),
    "WebP": (PICTURE, hostile.webp(3000, 3000), hostile.webp(9, 9)),
    "progressive JPEG": (PICTURE, hostile.jpeg_of_scans(3000, 1), hostile.jpeg_of_scans(9, 1)),
    "WAV": (SOUND, hostile.wav(4 << 20, 4 << 20), hostile.wav(100, 100)),
    "FLAC": (SOUND, hostile.flac(20), hostile.flac(1)),
    "CSV": (SignalSpec(length=10), b"1\n" * (2 << 20), b"1\n"),
    "text": (TextSpec(length=10), b"a" * (8 << 20) + "😀".encode(), b"a"),
    "NIfTI": (VOLUME, hostile.nifti((200, 200, 100)), hostile.nifti((8, 8, 8))),
    "zip": (VOLUME, hostile.zipped([20 << 20] * 3), hostile.zipped([200])),
}


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="how much memory was held only Linux says")
@pytest.mark.parametrize("name", [name for name in CASES if name != "zip"])
def test_it_takes_no_more(name: str, tmp_path: Path) -> None:
    if name == "FLAC":
        pytest.importorskip("miniaudio")
    spec, source, small = CASES[name]
    (tmp_path / "large").write_bytes(source)
    (tmp_path / "small").write_bytes(small)
    command = [sys.executable, "-c", MEASURE, spec.model_dump_json(), str(tmp_path / "large"), str(tmp_path / "small")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    took = int(done.stdout)
    # What it takes is also looked at from below: else nothing would be measured.
    assert footprint_bytes(spec, source) / 20 < took <= footprint_bytes(spec, source) + (4 << 20)


@pytest.mark.parametrize("name", CASES)
def test_it_grows_with_what_comes_out(name: str) -> None:
    spec, source, small = CASES[name]
    assert footprint_bytes(spec, source) > 10 * footprint_bytes(spec, small)


def test_a_large_jpeg_takes_what_its_smaller_size_takes() -> None:
    plain = ImageSpec(height=2000, width=2000, channels=3)
    source = hostile.jpeg_of_scans(3000, 1)
    assert footprint_bytes(PICTURE, source) < footprint_bytes(plain, source)


def test_of_bad_ones_and_arrays_there_is_a_number() -> None:
    for spec, *_ in CASES.values():
        for source in (b"", b"\x89PNG\r\n\x1a\n", b"OggS", b"fLaC", b"\x1f\x8b", b"PK\x03\x04", bytes(400)):
            assert footprint_bytes(spec, source) >= len(source)
    assert footprint_bytes(PICTURE, np.zeros((10, 10, 3), np.uint8)) >= 300
