"""Where an audit's near copies come from: plusx's tables of signatures beside a library's nearest neighbours.

    pip install -r benchmarks/peers/requirements.txt; python benchmarks/audit_index.py [--data-dir data/mnist] [--write]

MNIST's 70,000 digits and 1,400 near copies of some: moved by a pixel, as JPEG, brightened, mirrored. All search the
same whitened spectra; a library's index gives each example its three nearest others.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import faiss
import numpy as np
from PIL import Image

from audit_plant import brightened, moved
from mnist_arrays import mnist
from plusx.data.audit.near import LEARNED_FROM, Signatures, candidates, spectrum
from plusx.data.audit.scratch import scratch
from results import setting, write_section

HEADING = "Near copies: where candidates come from"
EACH, NEAREST, BLOCK = 350, 3, 4096

Pairs = set[tuple[int, int]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    pictures, planted = with_copies(np.concatenate([own.pictures for own in mnist(options.data_dir).values()]))
    lines = ["| candidates from | s | near copies among them, % | pairs | bytes an example |", "|---|---|---|---|---|"]
    for name, (find, size) in WAYS.items():
        began = time.perf_counter()
        found = find(pictures)
        duration_s = time.perf_counter() - began
        share = 100 * len(found & planted) / len(planted)
        lines.append(f"| {name} | {duration_s:.1f} | {share:.1f} | {len(found):,} | {size} |")
        print(lines[-1], flush=True)
    body = "\n".join([*lines, "", f"{len(pictures):,} pictures, one thread; faiss {faiss.__version__}. {setting()}."])
    if options.write:
        write_section(HEADING, f"{body}\n\n`python benchmarks/audit_index.py --write`")


def with_copies(pictures: np.ndarray) -> tuple[np.ndarray, Pairs]:
    """(the pictures and their near copies behind them, which are pairs)."""
    random = np.random.default_rng(0)
    changes = (moved, as_jpeg, brightened, lambda picture, random: picture[:, ::-1])
    rows = random.choice(len(pictures), EACH * len(changes), replace=False)
    copies = [changes[place // EACH](pictures[row], random) for place, row in enumerate(rows)]
    pairs = {(int(row), len(pictures) + place) for place, row in enumerate(rows)}
    return np.concatenate([pictures, np.stack(copies)]), pairs


def as_jpeg(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file))


def by_signatures(pictures: np.ndarray) -> Pairs:
    with scratch(28 * 28) as small:
        small.append(pictures.reshape(len(pictures), -1))
        found = candidates(small, 28, np.arange(len(pictures)))
    return set(zip(found.first.tolist(), found.second.tolist(), strict=True))


def by_index(make: Callable[[int], faiss.Index]) -> Callable[[np.ndarray], Pairs]:
    def find(pictures: np.ndarray) -> Pairs:
        spectra = np.concatenate([spectrum(pictures[at : at + BLOCK]) for at in range(0, len(pictures), BLOCK)])
        learned = Signatures.of(spectra[np.linspace(0, len(spectra) - 1, LEARNED_FROM).astype(int)])
        whitened = np.ascontiguousarray((spectra - learned.mean) @ learned.axes, np.float32)
        whitened /= np.linalg.norm(whitened, axis=1, keepdims=True)
        index = make(whitened.shape[1])
        index.train(whitened)
        index.add(whitened)
        _, nearest = index.search(whitened, NEAREST + 1)
        return {(min(row, other), max(row, other)) for row, own in enumerate(nearest.tolist()) for other in own}

    return find


def cells(width: int) -> faiss.Index:
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(width), width, 1024)
    index.nprobe = 8
    return index


WAYS: dict[str, tuple[Callable[[np.ndarray], Pairs], int]] = {
    "plusx: 16 tables of signatures": (by_signatures, 32),
    "faiss IndexIVFFlat, 8 of 1,024 cells": (by_index(cells), 48 * 4 + 8),
    "faiss IndexHNSWFlat, 16 links": (by_index(lambda width: faiss.IndexHNSWFlat(width, 16)), 48 * 4 + 32 * 4),
}


if __name__ == "__main__":
    main()
