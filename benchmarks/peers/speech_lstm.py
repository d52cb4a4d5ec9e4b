"""Speech recognised as the textbooks have it: log-mel features, two bidirectional LSTMs, CTC. Prints JSON.

    python benchmarks/peers/speech_lstm.py LIST.csv [MORE.csv ...] --budget 600 [--seed 0]

Nothing here is plusx. The lists have the columns path, text and split; the first one's train rows are learnt until the
budget, which begins before the files are read, is over. Every list's test rows are then read by the likeliest path.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.io import wavfile
from scipy.signal import resample_poly
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers.audio_utils import mel_filter_bank

RATE, WINDOW, HOP, BANDS, BATCH, WIDTH = 16_000, 400, 160, 64, 32, 192


class Recognizer(nn.Module):
    """(batch, frames, bands) to (batch, frames / 2, characters and the blank, which is the first)."""

    def __init__(self, characters: int):
        super().__init__()
        self.halve = nn.Conv1d(BANDS, WIDTH, kernel_size=5, stride=2, padding=2)
        self.lstm = nn.LSTM(WIDTH, WIDTH, num_layers=2, bidirectional=True, batch_first=True, dropout=0.1)
        self.out = nn.Linear(2 * WIDTH, characters + 1)

    def forward(self, x: Tensor) -> Tensor:
        halved = self.halve(x.transpose(1, 2)).relu().transpose(1, 2)
        return self.out(self.lstm(halved)[0]).log_softmax(2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lists", type=Path, nargs="+")
    parser.add_argument("--budget", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    torch.manual_seed(chosen.seed)
    end = time.perf_counter() + chosen.budget
    texts, sounds = rows(chosen.lists[0], "train")
    alphabet = sorted({character for text in texts for character in text})
    network = Recognizer(len(alphabet))
    epochs = train(network, sounds, [[alphabet.index(one) + 1 for one in text] for text in texts], end)
    read = [answers(network, rows(listing, "test")[1], alphabet) for listing in chosen.lists]
    parameters = sum(weight.numel() for weight in network.parameters())
    print(json.dumps({"read": read, "epochs": epochs, "parameters": parameters}))


def rows(listing: Path, split: str) -> tuple[list[str], list[Tensor]]:
    """Texts, and log-mel features of the sounds, each band with mean 0 and deviation 1 in each sound."""
    filters = torch.from_numpy(mel_filter_bank(WINDOW // 2 + 1, BANDS, 20, RATE / 2, RATE, mel_scale="slaney")).float()
    window = torch.hann_window(WINDOW)
    texts: list[str] = []
    sounds: list[Tensor] = []
    with listing.open(newline="", encoding="utf-8") as file:
        own = [row for row in csv.DictReader(file) if row["split"] == split]
    for row in own:
        rate, values = wavfile.read(listing.parent / row["path"])
        samples = torch.from_numpy(np.asarray(resample_poly(values / 32_768, RATE, rate))).float()
        power = torch.stft(samples, WINDOW, HOP, window=window, return_complex=True).abs().square()
        logs = torch.log(power.T @ filters + 1e-6)
        texts.append(row["text"])
        sounds.append((logs - logs.mean(0)) / (logs.std(0) + 1e-3))
    return texts, sounds


def train(network: Recognizer, sounds: Sequence[Tensor], targets: Sequence[list[int]], end: float) -> float:
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    network.train()
    seen = 0
    while True:
        for some in torch.randperm(len(sounds)).split(BATCH):
            if time.perf_counter() > end:
                return seen / len(sounds)
            chosen = [targets[number] for number in some.tolist()]
            lengths = [(len(sounds[number]) + 1) // 2 for number in some.tolist()]
            outputs = network(pad_sequence([sounds[number] for number in some.tolist()], batch_first=True))
            loss = nn.functional.ctc_loss(
                outputs.transpose(0, 1),
                torch.tensor([label for one in chosen for label in one]),
                torch.tensor(lengths),
                torch.tensor([len(one) for one in chosen]),
                zero_infinity=True,
            )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            seen += len(some)


def answers(network: Recognizer, sounds: Sequence[Tensor], alphabet: list[str]) -> list[str]:
    network.eval()
    read: list[str] = []
    with torch.inference_mode():
        for sound in sounds:
            best = torch.unique_consecutive(network(sound[None])[0].argmax(1))
            read.append("".join(alphabet[label - 1] for label in best.tolist() if label > 0))
    return read


if __name__ == "__main__":
    main()
