"""Draws what `plusx listen` hears in a recording made of prompts that its model never heard: docs/sound.png.

    python benchmarks/plot_listen.py MODEL [--prompts /usr/share/asterisk/sounds] [--out docs/sound.png]

MODEL is trained on sounds.py's prompts; the recording changes its language every few seconds.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np

import plusx
from plusx.data.sound import SoundSpec, decode
from plusx.predict.listen import Event, Listener, raw_stream
from sounds import LANGUAGES, prompt_rows

RATE = 16_000
PART_S, PARTS = 6, 8
COLOURS = {"en": "tab:blue", "es": "tab:orange", "fr": "tab:green"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--prompts", type=Path, default=Path("/usr/share/asterisk/sounds"))
    parser.add_argument("--out", type=Path, default=Path("docs/sound.png"))
    options = parser.parse_args()
    samples, spoken = recording(options.prompts)
    model = plusx.load(options.model)
    listener = Listener(model.archive, model.engine, hop_s=0.25, threshold=0.6)
    events = list(listener.hear(raw_stream(io.BytesIO(samples.tobytes()), RATE)))
    draw(samples, spoken, events, options.out)
    print(f"{options.out}: {len(events)} events; {listener.latency.as_json()}")


def recording(root: Path) -> tuple[np.ndarray, list[str]]:
    """int16 samples, and the language of each part: prompts of the test split, one after another."""
    random = np.random.default_rng(0)
    files = {language: [] for language in LANGUAGES}
    for path, language, split in prompt_rows(root):
        if split == "test":
            files[language].append(path)
    parts: list[np.ndarray] = []
    spoken = [LANGUAGES[number % len(LANGUAGES)] for number in range(PARTS)]
    for language in spoken:
        words = [prepared(path) for path in random.permutation(files[language])[:20]]
        parts.append(np.concatenate(words)[: PART_S * RATE])
    return np.concatenate(parts), spoken


def prepared(path: str) -> np.ndarray:
    source = Path(path).read_bytes()
    wave = decode(source, RATE)
    return SoundSpec(samples=round(len(wave.values) / wave.rate * RATE)).prepare(source)[:, 0]


def draw(samples: np.ndarray, spoken: list[str], events: list[Event], out: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    spec = SoundSpec(samples=len(samples))
    end_s = len(samples) / RATE
    above.imshow(spec.mel.log_mel(samples)[:, ::4], origin="lower", aspect="auto", extent=(0, end_s, 0, spec.mels))
    above.set(ylabel="mel band", title="What the network sees of 48 seconds, and what plusx listen says")
    for row, label in ((0.55, "heard"), (1.55, "spoken")):
        below.text(-0.5, row, label, ha="right", va="center")
    for number, language in enumerate(spoken):
        below.barh(1.55, PART_S, left=number * PART_S, color=COLOURS[language], height=0.8)
        below.text((number + 0.5) * PART_S, 1.55, language, ha="center", va="center", color="white")
    for event in events:
        below.barh(
            0.55, event.end_s - event.start_s, left=event.start_s, color=COLOURS[event.label], height=0.8, alpha=0.7
        )
    below.set(xlabel="seconds", yticks=[], ylim=(0, 2.1), xlim=(0, end_s))
    figure.savefig(out, dpi=90)


if __name__ == "__main__":
    main()
