"""What people write for sounds: torchvision's resnet18 on log-mel pictures, or an SVM on MFCCs' means. Prints JSON.

    python benchmarks/peers/sounds_textbook.py LIST.csv --seconds 1.0 --budget 60 [--svm] [--seed 0]

Nothing here is plusx. The list has the columns path, label and split. `duration_s` runs from the files to the trained
network, which trains until the budget is over; imports and the test are outside.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from pathlib import Path

import numpy as np
import torch
from scipy.fft import dct
from scipy.io import wavfile
from scipy.signal import resample_poly
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torchvision.models import resnet18
from transformers.audio_utils import mel_filter_bank

RATE, WINDOW, HOP, BANDS, BATCH = 16_000, 400, 160, 40, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=Path)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--budget", type=float, default=60)
    parser.add_argument("--svm", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    torch.manual_seed(chosen.seed)

    began = time.perf_counter()
    with chosen.list.open(newline="") as file:
        rows = list(csv.DictReader(file))
    classes = sorted({row["label"] for row in rows})
    train, test = ([row for row in rows if row["split"] == split] for split in ("train", "test"))
    inputs, targets = log_mels(train, chosen.seconds), labels(train, classes)
    if chosen.svm:
        machine = make_pipeline(StandardScaler(), SVC(C=10))
        machine.fit(mfcc_statistics(inputs), targets)
        duration_s = time.perf_counter() - began
        answers = machine.predict(mfcc_statistics(log_mels(test, chosen.seconds)))
    else:
        mean, std = inputs.mean(), inputs.std()
        network = train_network((inputs - mean) / std, targets, len(classes), began + chosen.budget)
        duration_s = time.perf_counter() - began
        answers = answer(network, (log_mels(test, chosen.seconds) - mean) / std)
    accuracy = float((answers == labels(test, classes)).mean())
    print(json.dumps({"accuracy": accuracy, "duration_s": duration_s, "test": len(test)}))


def labels(rows: list[dict[str, str]], classes: list[str]) -> np.ndarray:
    return np.array([classes.index(row["label"]) for row in rows])


def log_mels(rows: list[dict[str, str]], seconds: float) -> np.ndarray:
    filters = mel_filter_bank(WINDOW // 2 + 1, BANDS, 20, RATE / 2, RATE, mel_scale="slaney")
    window = torch.hann_window(WINDOW)
    pictures: list[np.ndarray] = []
    for row in rows:
        rate, values = wavfile.read(row["path"])
        values = resample_poly(values / 32_768, RATE, rate)[: round(seconds * RATE)]
        values = torch.from_numpy(np.pad(values, (0, round(seconds * RATE) - len(values)))).float()
        power = torch.stft(values, WINDOW, HOP, window=window, return_complex=True).abs().square()
        pictures.append(np.log(filters.T @ power.numpy() + 1e-6))
    return np.stack(pictures).astype(np.float32)


def mfcc_statistics(inputs: np.ndarray) -> np.ndarray:
    coefficients = np.asarray(dct(inputs, axis=1, norm="ortho"))[:, :13]
    return np.concatenate([coefficients.mean(axis=2), coefficients.std(axis=2)], axis=1)


def train_network(inputs: np.ndarray, targets: np.ndarray, classes: int, end: float) -> torch.nn.Module:
    network = resnet18(num_classes=classes)
    network.conv1 = torch.nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss_of = torch.nn.CrossEntropyLoss()
    pictures, right = torch.from_numpy(inputs)[:, None], torch.from_numpy(targets)
    network.train()
    while True:
        for some in torch.randperm(len(pictures)).split(BATCH):
            if time.perf_counter() > end:
                return network
            loss = loss_of(network(pictures[some]), right[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def answer(network: torch.nn.Module, inputs: np.ndarray) -> np.ndarray:
    network.eval()
    with torch.inference_mode():
        parts = [network(part[:, None]).argmax(1) for part in torch.from_numpy(inputs).split(256)]
    return torch.cat(parts).numpy()


if __name__ == "__main__":
    main()
