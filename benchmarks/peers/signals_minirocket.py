"""What people take for signals: aeon's MiniRocket with a ridge classifier, or scikit-learn's forest. Prints JSON.

    python benchmarks/peers/signals_minirocket.py LIST.csv [--forest] [--seed 0]

Needs aeon (arXiv 2012.08791 is MiniRocket) or scikit-learn alone; nothing here is plusx. The list has the columns path
(of a .npy file), label and split. Shorter signals are padded with their last value. `duration_s` runs from the files to
the trained model; what numba compiles once, and the test, are outside.
"""

# aeon is no dependency of this project.
# pyright: reportMissingImports=false
from __future__ import annotations

import argparse
import csv
import json
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=Path)
    parser.add_argument("--forest", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    model = forest(chosen.seed) if chosen.forest else minirocket(chosen.seed)
    began = time.perf_counter()
    with chosen.list.open(newline="") as file:
        rows = list(csv.DictReader(file))
    train, test = ([row for row in rows if row["split"] == split] for split in ("train", "test"))
    length = max(len(np.load(row["path"])) for row in train)
    model.fit(read(train, length), np.array([row["label"] for row in train]))
    duration_s = time.perf_counter() - began
    answers = model.predict(read(test, length))
    accuracy = float((answers == np.array([row["label"] for row in test])).mean())
    print(json.dumps({"accuracy": accuracy, "duration_s": duration_s, "test": len(test)}))


def forest(seed: int) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    flat = FunctionTransformer(lambda signals: signals.reshape(len(signals), -1))
    return make_pipeline(flat, RandomForestClassifier(500, random_state=seed))


def minirocket(seed: int) -> Any:
    classifier = import_module("aeon.classification.convolution_based").MiniRocketClassifier
    warm = np.random.default_rng(0).normal(size=(8, 2, 32)).astype(np.float32)
    classifier(random_state=0).fit(warm, np.arange(8) % 2)
    return classifier(random_state=seed)


def read(rows: list[dict[str, str]], length: int) -> np.ndarray:
    """(count, channels, length)."""
    signals = [np.load(row["path"])[:length] for row in rows]
    return np.stack([np.pad(one, ((0, length - len(one)), (0, 0)), mode="edge").T for one in signals])


if __name__ == "__main__":
    main()
