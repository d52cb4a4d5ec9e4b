"""The log-mel spectrogram beside SciPy's short-time Fourier transform and triangles drawn another way."""

import numpy as np
import pytest
from scipy.signal import ShortTimeFFT, get_window

from plusx.mel import FLOOR, Mel, hz, mel

MEL = Mel(rate=16_000, window=400, hop=160, mels=40, low_hz=20, high_hz=8000)


def triangles(mel_: Mel, length: int) -> np.ndarray:
    """Each band by interpolation between its three edges."""
    edges = 700 * (10 ** (np.linspace(mel(mel_.low_hz), mel(mel_.high_hz), mel_.mels + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(length, 1 / mel_.rate)
    rows = [np.interp(frequencies, edges[n : n + 3], [0, 1, 0], left=0, right=0) for n in range(mel_.mels)]
    return np.stack(rows)


@pytest.mark.parametrize(
    "settings",
    [MEL, Mel(16_000, 512, 256, 64, 50, 7600), Mel(8_000, 200, 80, 32, 0, 4000), Mel(16_000, 401, 200, 20, 20, 8000)],
)
def test_is_what_a_fourier_transform_gives(settings: Mel) -> None:
    samples = np.random.default_rng(0).integers(-20_000, 20_000, 5000).astype(np.int16)
    length = 1 << (settings.window - 1).bit_length()
    half = settings.window // 2
    padded = np.pad(samples / 32_768, half)
    count = (len(padded) - settings.window) // settings.hop + 1
    window = get_window("hann", settings.window, fftbins=True)
    frames = [padded[n * settings.hop :][: settings.window] * window for n in range(count)]
    power = np.abs(np.fft.rfft(np.stack(frames), length)) ** 2
    expected = np.log(power @ triangles(settings, length).T + FLOOR).T
    found = settings.log_mel(samples)
    assert found.shape == (settings.mels, settings.frames(len(samples))) == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_frames_stand_where_scipys_stand() -> None:
    samples = (8000 * np.sin(np.arange(4000) ** 1.4 / 50)).astype(np.int16)
    transform = ShortTimeFFT(get_window("hann", 400, fftbins=True), hop=160, fs=16_000, mfft=512)
    power = transform.spectrogram(samples / 32_768, p0=0, p1=MEL.frames(4000))
    # Under a loud wave, a quiet band is what float32's seven digits leave of it.
    np.testing.assert_allclose(MEL.log_mel(samples), np.log(triangles(MEL, 512) @ power + FLOOR), atol=5e-4)


def test_every_band_takes_something_and_bands_overlap() -> None:
    assert (MEL.filters.max(axis=1) > 0.3).all()
    assert (np.count_nonzero(MEL.filters, axis=0) <= 2).all()


def test_mel_and_hertz_are_inverse() -> None:
    frequencies = np.array([0.0, 20, 440, 8000])
    np.testing.assert_allclose(hz(mel(frequencies)), frequencies, atol=1e-9)


def test_a_tone_is_loudest_in_its_band() -> None:
    samples = (10_000 * np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)).astype(np.int16)
    edges = hz(np.linspace(mel(20), mel(8000), 42))
    band = int(MEL.log_mel(samples)[:, 50].argmax())
    assert edges[band] < 1000 < edges[band + 2]


def test_silence_is_the_floor() -> None:
    np.testing.assert_allclose(MEL.log_mel(np.zeros(1600, np.int16)), np.log(FLOOR), rtol=1e-6)
