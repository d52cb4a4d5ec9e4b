"""What a look at a set of sounds finds."""

from pathlib import Path

import numpy as np
import pytest
from waves import as_int16, tone, wav

from plusx.data.modalities import survey
from plusx.data.samples import read_dataset
from plusx.data.sound import SoundSpec
from plusx.data.sound_facts import SoundFacts, survey_sounds
from plusx.data.sources import ArraySource, Samples
from plusx.errors import PlusxError


def folder(root: Path, seconds: list[float], rate: int = 8_000) -> Path:
    for number, length in enumerate(seconds):
        file = root / "ab"[number % 2] / f"{number}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(wav(as_int16(tone(300, length, rate)), rate))
    return root


def test_lengths_and_rates_are_found_and_unreadable_ones_passed_over(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", [0.5] * 5 + [1.0] * 4 + [2.0] * 2)
    (root / "a" / "bad.wav").write_bytes(b"")
    facts = survey(read_dataset(root).split("train"))
    assert isinstance(facts, SoundFacts)
    assert (facts.count, facts.classes) == (12, 2)
    assert (facts.duration_s, facts.most_s, facts.same_length, facts.rate) == (1.0, 2.0, False, 8_000)


def test_mean_std_and_level_are_those_of_the_samples() -> None:
    values = np.random.default_rng(0).normal(0, 1000, (20, 4000)).astype(np.int16)
    samples = Samples(ArraySource(values, "made"), np.arange(20) % 2, ("a", "b"), "sound")
    facts = survey_sounds(samples)
    mel = np.stack([SoundSpec(samples=4000).mel.log_mel(one) for one in values])
    assert facts.mean == pytest.approx(mel.mean(), abs=1e-3)
    assert facts.std == pytest.approx(mel.std(), abs=1e-3)
    assert facts.level == pytest.approx(1000, rel=0.01)
    assert facts.same_length


def test_silence_has_a_spread_to_divide_by() -> None:
    samples = Samples(ArraySource(np.zeros((4, 100), np.int16), "made"), np.arange(4) % 2, ("a", "b"), "sound")
    assert survey_sounds(samples).std == 0.1


def test_a_set_of_rubbish_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", [0.1] * 4)
    for file in root.rglob("*.wav"):
        file.write_bytes(b"rubbish")
    with pytest.raises(PlusxError, match="none of the 4 examples looked at can be read"):
        survey(read_dataset(root).split("train"))
