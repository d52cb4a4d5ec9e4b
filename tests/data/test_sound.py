"""Sounds: every line of the table at the top of sound.py."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.signal import resample_poly
from waves import as_int16, tone, wav

from plusx.data.decode import BadSample
from plusx.data.sound import SoundSpec

SPEC = SoundSpec(samples=8000)


def test_16_bits_of_one_channel_come_through_bit_for_bit() -> None:
    values = np.random.default_rng(0).integers(-32768, 32768, 8000).astype(np.int16)
    for source in (wav(values), values, values[:, None]):
        assert (SPEC.prepare(source)[:, 0] == values).all()


def test_channels_become_their_mean() -> None:
    both = np.stack([np.full(8000, 100), np.full(8000, 300)], axis=1).astype(np.int16)
    assert np.unique(SPEC.prepare(wav(both))).tolist() == [200]


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_any_rate_gives_the_same_tone(rate: int) -> None:
    prepared = SPEC.prepare(wav(as_int16(tone(440, 0.5, rate)), rate))[1000:-1000, 0]
    expected = 32_767 * tone(440, 0.5)[1000:-1000]
    # The filter's ripple is a hundredth.
    assert np.abs(prepared - expected).max() < 0.01 * 16_384


def test_resampling_is_scipys_and_does_not_alias() -> None:
    values = as_int16(tone(440, 0.5, 44_100))
    expected = resample_poly(values / 32_768, 160, 441)
    assert np.abs(SPEC.prepare(wav(values, 44_100))[:, 0] / 32_768 - expected[:8000]).max() < 1e-4
    too_high = SPEC.prepare(wav(as_int16(tone(15_000, 0.5, 44_100)), 44_100))[1000:-1000]
    assert np.abs(too_high).max() < 200


def test_longer_sounds_keep_their_middle_and_shorter_ones_stand_in_it() -> None:
    five = SoundSpec(samples=5)
    assert five.prepare(np.arange(1, 10, dtype=np.int16)).ravel().tolist() == [3, 4, 5, 6, 7]
    assert five.prepare(np.array([7, 8], np.int16)).ravel().tolist() == [0, 7, 8, 0, 0]
    repeated = SoundSpec(samples=5, shorter="repeat").prepare(np.array([7, 8], np.int16))
    assert repeated.ravel().tolist() == [8, 7, 8, 7, 8]


def test_floats_are_cut_off_at_full_scale() -> None:
    prepared = SoundSpec(samples=3).prepare(np.array([-9.0, 0.5, 9.0]))
    assert prepared.ravel().tolist() == [-32_768, 16_384, 32_767]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"", "empty"),
        (b"ID4 no sound", "not a WAV, FLAC, Ogg Vorbis or MP3"),
        (wav(np.zeros(0, np.int16)), "not one sample"),
        (wav(np.array([0.0, np.nan], "<f4"), kind=3, bits=32), "infinite or no number"),
        (wav(np.array([0.0, 1e300]), kind=3, bits=64), "infinite or no number"),
        (wav(np.zeros(4, np.int16), rate=999), "999 samples a second"),
        (wav(np.zeros(4, np.int16), rate=4_000_000), "4,000,000 samples a second"),
        (np.zeros(4, np.int32), "int32"),
        (np.zeros((4, 0), np.float32), "shape"),
        (np.array([np.inf]), "infinite"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(source: bytes | np.ndarray, reason: str) -> None:
    with pytest.raises(BadSample, match=reason):
        SPEC.prepare(source)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"samples": 0}, "greater than or equal"),
        ({"window_ms": 1000}, "window_ms"),
        ({"hop_ms": 30}, "hop_ms"),
        ({"high_hz": 9000}, "8000 at most"),
        ({"low_hz": 8000}, "must rise"),
        ({"front": "mfcc"}, "logmel"),
        ({"std": 0}, "greater than 0"),
    ],
)
def test_a_spec_that_fits_nothing_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SoundSpec.model_validate({"samples": 8000, **changes})


def test_what_the_network_sees_has_its_shape_by_front_and_bands() -> None:
    assert SPEC.features == (1, 40, 51)
    assert SoundSpec(samples=8000, bands="channels").features == (40, 51)
    assert SoundSpec(samples=8000, front="waveform").features == (1, 8000)
    assert SoundSpec(samples=8000, mels=64, hop_ms=20).features == (1, 64, 26)


def test_only_what_decides_the_samples_names_the_cache() -> None:
    assert SPEC.storage_key == SoundSpec(samples=8000, mean=3, mels=64, front="waveform").storage_key
    assert len({SPEC.storage_key, SoundSpec(samples=8001).storage_key, SoundSpec(samples=8000, rate=8000).storage_key,
                SoundSpec(samples=8000, shorter="repeat").storage_key}) == 4  # fmt: skip


needs_miniaudio = pytest.mark.skipif(
    importlib.util.find_spec("miniaudio") is None, reason="miniaudio (plusx[audio]) is not installed"
)


@needs_miniaudio
@pytest.mark.parametrize("ending", ["flac", "ogg", "mp3"])
def test_compressed_sounds_are_the_tone_that_was_put_in(ending: str) -> None:
    # 440 Hz at half of full scale for a quarter of a second, at 8 kHz, as flac, oggenc and lame wrote it.
    prepared = SPEC.prepare((Path(__file__).parent / "sounds" / f"tone.{ending}").read_bytes())[:, 0] / 32_768
    middle = prepared[3000:5000]
    assert np.sqrt((middle**2).mean()) == pytest.approx(0.5 / 2**0.5, abs=0.02)
    assert np.abs(np.fft.rfft(middle * np.hanning(2000))).argmax() * 8 == pytest.approx(440, abs=8)


@needs_miniaudio
@pytest.mark.parametrize("start", [b"fLaC", b"OggS", b"ID3"])
def test_damaged_compressed_sounds_are_bad_samples(start: bytes) -> None:
    with pytest.raises(BadSample, match="damaged or cut short"):
        SPEC.prepare(start + b"rubbish" * 40)


def test_without_miniaudio_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "miniaudio", None)
    with pytest.raises(BadSample, match=r"reading FLAC needs miniaudio: pip install 'plusx\[audio\]'"):
        SPEC.prepare(b"fLaC" + bytes(40))
