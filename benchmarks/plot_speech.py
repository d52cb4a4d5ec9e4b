"""Draws what a network of speech.py makes of two sounds that it never heard: docs/speech.png.

    python benchmarks/plot_speech.py [--spoken data/spoken] [--out docs/speech.png]

On the left a sentence of the test split, on the right a person's digits: the spectrogram, and below it how likely each
character is in each frame. The sounds are each list's first of at least three words.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

import plusx
from plusx.api.model import Model
from plusx.data.modalities import spec_from_json
from plusx.data.sound import SoundSpec
from plusx.tasks.softmax import log_softmax
from speech import test_rows

SHOWN = 0.15
"""Characters that are less likely than this in every frame have no row."""


class Heard(NamedTuple):
    """Of one sound: bands by frames, characters by frames, their names, seconds, what was said and what was read."""

    bands: np.ndarray
    likely: np.ndarray
    names: list[str]
    duration_s: float
    said: str
    answer: dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spoken", type=Path, default=Path("data/spoken"))
    parser.add_argument("--out", type=Path, default=Path("docs/speech.png"))
    options = parser.parse_args()
    model = plusx.load(options.spoken / "run")
    lists = {
        "A synthetic voice, never heard": options.spoken / "list.csv",
        "A person": options.spoken / "person" / "strings.csv",
    }
    draw({title: hear(model, *first(listing)) for title, listing in lists.items()}, options.out)


def first(listing: Path) -> tuple[Path, str]:
    return next((path, text) for path, text in test_rows(listing) if len(text.split()) >= 3)


def hear(model: Model, path: Path, said: str) -> Heard:
    spec = spec_from_json(model.archive.manifest.preprocessing)
    assert isinstance(spec, SoundSpec)
    samples = spec.prepare(path.read_bytes())
    likely = np.exp(log_softmax(model.engine(samples.T[None])))[0]
    rows = [row for row in range(len(model.classes)) if likely[row].max() > SHOWN]
    names = ["␣" if model.classes[row] == " " else model.classes[row] for row in rows]
    [answer] = model.predict(path)
    return Heard(spec.mel.log_mel(samples[:, 0]), likely[rows], names, spec.duration_s, said, answer)


def draw(heard: dict[str, Heard], out: Path) -> None:
    figure = Figure(figsize=(11, 5), layout="constrained")
    pairs = figure.subplots(2, len(heard), sharex="col", height_ratios=(2, 3))
    for (title, one), (above, below) in zip(heard.items(), pairs.T, strict=True):
        end_s = one.duration_s
        above.imshow(one.bands, origin="lower", aspect="auto", extent=(0, end_s, 0, len(one.bands)))
        above.set(ylabel="mel band", title=f"{title}\nsaid: {one.said}\nread: {one.answer['text']}")
        rows = len(one.names)
        below.imshow(one.likely, cmap="Greys", vmin=0, vmax=1, aspect="auto", extent=(0, end_s, rows - 0.5, -0.5))
        below.set(yticks=range(rows), yticklabels=one.names, xlabel="seconds", ylabel="how likely, in each frame")
        for word, start_s in zip(one.answer["words"], one.answer["starts_s"], strict=True):
            below.axvline(start_s, color="tab:blue", linewidth=0.8)
            below.annotate(word, (start_s, rows - 0.6), xytext=(2, 0), textcoords="offset points", color="tab:blue")
    figure.savefig(out, dpi=90)


if __name__ == "__main__":
    main()
