"""A long recording: what is heard when, in windows that are answered as files would be, in flat memory."""

import io
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from commands import plusx as command
from waves import as_int16, tone, wav, write_tones

import plusx
from plusx.api.train import train
from plusx.errors import PlusxError, WrongUse
from plusx.predict.listen import Listener, Stream, raw_stream, wav_stream, windows


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("listen")
    train(write_tones(folder / "tones"), out=folder / "run", changes={"epochs": "20", "model_options.num_filters": "8"})
    return folder / "run"


@pytest.fixture(scope="module")
def model(run: Path) -> plusx.Model:
    return plusx.load(run)


def recording(rate: int = 16_000) -> np.ndarray:
    """Two seconds each of a low, a high and a middle tone, in noise."""
    parts = [tone(hz, 2, rate, level=0.4) for hz in (300, 2500, 1000)]
    return as_int16(np.concatenate(parts) + np.random.default_rng(0).normal(0, 0.02, 6 * rate))


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_what_is_heard_when(model: plusx.Model, rate: int) -> None:
    listener = Listener(model.archive, model.engine, hop_s=0.25, smooth=1)
    events = list(listener.hear(wav_stream(io.BytesIO(wav(recording(rate), rate)), "a.wav")))
    longest = sorted(sorted(events, key=lambda event: event.start_s - event.end_s)[:3], key=lambda event: event.start_s)
    assert [event.label for event in longest] == ["low", "high", "middle"]
    for event, (start_s, end_s) in zip(longest, [(0, 2), (2, 4), (4, 6)], strict=True):
        # A window that lies in both tones may be taken for either.
        assert event.start_s == pytest.approx(start_s, abs=0.5)
        assert event.end_s == pytest.approx(end_s, abs=0.5)
        assert 0.5 <= event.probability <= 1
    # One each quarter of a second, while half a second is left.
    assert listener.latency.windows == 23
    assert 0 < listener.latency.as_json()["latency_ms"] <= listener.latency.max_ms


def test_a_windows_answer_is_that_of_a_file_cut_out_there(model: plusx.Model) -> None:
    values = recording()
    listener = Listener(model.archive, model.engine, hop_s=0.5, threshold=0, smooth=1)
    events = list(listener.hear(raw_stream(io.BytesIO(values.tobytes()), 16_000)))
    alone = model.predict([values[start : start + 8000] for start in range(0, 96_000, 8000)])
    heard = [max(a["probability"] for a in alone if a["label"] == event.label) for event in events]
    assert {event.label for event in events} == {answer["label"] for answer in alone}
    assert max(event.probability for event in events) == pytest.approx(max(heard), abs=1e-5)


def test_ignored_labels_and_unsure_windows_make_no_events(model: plusx.Model) -> None:
    def hear(**choices) -> list[str]:
        listener = Listener(model.archive, model.engine, **choices)
        return [event.label for event in listener.hear(raw_stream(io.BytesIO(recording().tobytes()), 16_000))]

    assert "high" in hear()
    assert "high" not in hear(ignored=("high",))
    assert hear(threshold=1.0) == []
    with pytest.raises(WrongUse, match="--ignore loud: the model has no such label"):
        Listener(model.archive, model.engine, ignored=("loud",))


@pytest.mark.parametrize("block", [1, 3, 7, 1000])
@pytest.mark.parametrize("hop_s", [0.3, 0.5, 1.0, 1.7])
@pytest.mark.parametrize("total", [0, 5, 10, 11, 44])
def test_windows_do_not_depend_on_the_blocks_and_reach_every_sample(block: int, hop_s: float, total: int) -> None:
    values = np.arange(total, dtype=np.float32)[:, None]
    blocks = [values[start : start + block] for start in range(0, total, block)]
    found = list(windows(Stream(10, blocks), 1.0, hop_s))
    for start_s, part in found:
        start = round(start_s * 10)
        assert part[:, 0].tolist() == list(range(start, min(start + 10, total)))
    if hop_s <= 1:
        assert {int(one) for _, part in found for one in part[:, 0]} == set(range(total))
    assert all(len(part) == 10 for _, part in found[:-1])


def test_an_hour_takes_no_more_memory_than_a_minute() -> None:
    def peak(minutes: int) -> int:
        second = np.zeros((16_000, 1), np.float32)
        tracemalloc.start()
        for _ in windows(Stream(16_000, (second for _ in range(60 * minutes))), 1.0, 0.25):
            pass
        return tracemalloc.get_traced_memory()[1]

    few, many = peak(1), peak(60)
    tracemalloc.stop()
    assert many < 1.5 * few


def test_a_model_of_pictures_cannot_listen_and_damage_is_named(tmp_path: Path) -> None:
    train("digits", out=tmp_path, changes={"epochs": "0.1"})
    pictures = plusx.load(tmp_path)
    with pytest.raises(WrongUse, match="listen needs a model that names sounds"):
        Listener(pictures.archive, pictures.engine)
    with pytest.raises(PlusxError, match=r"a\.wav: not a WAV file"):
        wav_stream(io.BytesIO(b"rubbish"), "a.wav")


def listen(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "plusx", "listen", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, input=stdin, capture_output=True, env=environment, timeout=120, check=False)


def test_the_command_answers_a_file_and_a_pipe_alike(run: Path, tmp_path: Path) -> None:
    (tmp_path / "long.wav").write_bytes(wav(recording()))
    by_file = command("listen", run, tmp_path / "long.wav", "--json")
    by_pipe = listen(run, "-", "--json", stdin=recording().tobytes())
    assert by_file.returncode == by_pipe.returncode == 0, by_file.stderr
    *events, latency = [json.loads(line) for line in by_file.stdout.splitlines()]
    assert [json.loads(line) for line in by_pipe.stdout.splitlines()][:-1] == events
    assert events
    assert all(event.keys() == {"start_s", "end_s", "label", "probability"} for event in events)
    assert latency.keys() == {"windows", "latency_ms", "max_latency_ms"}
    words = command("listen", run, tmp_path / "long.wav")
    assert "23 windows, each answered after" in words.stderr
    assert len(words.stdout.splitlines()) == len(events)
    missing = command("listen", run, tmp_path / "none.wav")
    assert missing.returncode == 2
    assert "none.wav: no such file" in missing.stderr
