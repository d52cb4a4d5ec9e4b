"""Planted faults of every modality are found, and nothing else; the order of the examples changes nothing."""

import wave
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from plusx.data.audit.examine import examine
from plusx.data.audit.findings import KINDS, Finding, counts, place_of, write_findings
from plusx.data.samples import read_dataset
from plusx.data.sources import ArraySource, DataSet, Samples


def blots(count: int, side: int = 32, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    coarse = random.integers(30, 220, (count, 8, 8), np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC)) for one in coarse])


def saved(root: Path, pictures: dict[str, np.ndarray]) -> Path:
    for name, picture in pictures.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    return root


def clean(seed: int = 0) -> dict[str, np.ndarray]:
    """40 pictures of two classes in train, 24 in test."""
    names = [
        f"{split}/{label}/{number:02d}.png"
        for split, count in (("train", 20), ("test", 12))
        for label in ("cat", "dog")
        for number in range(count)
    ]
    return dict(zip(names, blots(len(names), seed=seed), strict=True))


def found(data: Path | DataSet) -> list[Finding]:
    return [one.finding for one in examine(read_dataset(data), threads=1).found]


def named(findings: list[Finding], kind: str) -> set[str]:
    """The ends of the paths."""
    return {"/".join(Path(one.path).parts[-3:]) for one in findings if one.finding == kind}


def test_a_clean_set_has_no_findings(tmp_path: Path) -> None:
    assert found(saved(tmp_path, clean())) == []


def test_planted_faults_of_pictures_are_found_and_nothing_else(tmp_path: Path) -> None:
    pictures = clean()
    ones = list(pictures.values())
    smooth = Image.fromarray(ones[3]).filter(ImageFilter.GaussianBlur(3))
    pictures |= {
        "test/cat/leak.png": ones[0],
        "train/dog/contradiction.png": ones[1],
        "train/cat/copy.png": ones[2],
        "test/cat/near.png": np.roll(ones[4], 1, axis=1)[:, ::-1],
        "train/cat/blank.png": np.full((32, 32), 90, np.uint8),
        "train/cat/dark.png": (ones[5] * 0.1).astype(np.uint8),
        "train/cat/bright.png": (255 - (255 - ones[6]) * 0.1).astype(np.uint8),
        "train/cat/blurred.png": np.asarray(smooth),
        "train/cat/odd.png": blots(1, side=96, seed=9)[0],
    }
    root = saved(tmp_path, pictures)
    Image.fromarray(ones[2]).save(root / "train/cat/copy.bmp")
    (root / "train/cat/cut.png").write_bytes((root / "train/cat/00.png").read_bytes()[:60])
    findings = found(root)
    assert named(findings, "copy_in_two_splits") == {"test/cat/leak.png"}
    assert named(findings, "copy_under_two_labels") == {"train/dog/contradiction.png"}
    assert named(findings, "copy") == {"train/cat/copy.png", "train/cat/copy.bmp"}
    assert named(findings, "near_copy_in_two_splits") == {"test/cat/near.png"}
    assert named(findings, "unreadable") == {"train/cat/cut.png"}
    for kind in ("blank", "dark"):
        assert named(findings, kind) == {f"train/cat/{kind}.png"}
    # What is three times as large has no sharper edges.
    assert named(findings, "blurred") == {"train/cat/blurred.png", "train/cat/odd.png"}
    assert named(findings, "overexposed") == {"train/cat/bright.png"}
    assert named(findings, "odd_size") == {"train/cat/odd.png"}
    # Darkening and blurring leave the picture's likeness: these are near copies, too.
    assert named(findings, "near_copy") <= {"train/cat/dark.png", "train/cat/bright.png", "train/cat/blurred.png"}
    values = {one.value for one in findings if one.finding == "copy"}
    assert values == {"the same bytes", "the same content"}


def test_a_leak_names_both_examples(tmp_path: Path) -> None:
    pictures = clean()
    root = saved(tmp_path, pictures | {"test/dog/b.png": pictures["train/dog/07.png"]})
    (one,) = found(root)
    assert (one.split, one.label, one.finding) == ("test", "dog", "copy_in_two_splits")
    assert one.other.endswith("train/dog/07.png")


def test_the_order_of_examples_changes_nothing() -> None:
    own = blots(60)
    pixels = np.concatenate([own, own[:3], np.roll(own[3:6], 1, axis=2), np.zeros((1, 32, 32), np.uint8)])
    targets = np.arange(len(pixels)) % 3
    samples = Samples(ArraySource(pixels, "made"), targets, ("a", "b", "c"))
    base = found(DataSet(samples, None, None, samples.classes, "made"))
    assert {"near_copy_under_two_labels", "blank"} <= set(counts(base)) or "near_copy" in counts(base)
    for seed in range(5):
        mixed = samples.take(np.random.default_rng(seed).permutation(len(samples)))
        assert found(DataSet(mixed, None, None, mixed.classes, "made")) == base


def test_classes_far_from_the_mean_and_absent_ones() -> None:
    targets = np.array([0] * 200 + [1] * 20 + [2] * 12 + [3] * 20 + [4] * 20 + [5] * 20)
    train = Samples(ArraySource(blots(len(targets)), "train"), targets, tuple("abcdef"))
    test = replace(train, source=ArraySource(blots(60, seed=1), "test"), targets=np.arange(60) % 5)
    findings = found(DataSet(train, None, test, train.classes, "made"))
    told = {(one.finding, one.split, one.label) for one in findings}
    assert told == {
        ("many_examples", "train", "a"),
        ("few_examples", "train", "c"),
        ("absent_from_split", "test", "f"),
    }


def test_texts_are_copies_whatever_their_spaces_and_case(tmp_path: Path) -> None:
    rows = [f"text number {number} is {number * 7}" for number in range(30)]
    rows += ["Text  number 3\tis 21", "a long one " * 400, " "]
    lines = "\n".join(f'"{text}",{"ab"[place % 2]},train' for place, text in enumerate(rows))
    (tmp_path / "list.csv").write_text(f"text,label,split\n{lines}\n", encoding="utf-8")
    findings = found(tmp_path / "list.csv")
    assert Counter(one.finding for one in findings) == {"copy_under_two_labels": 1, "odd_length": 1, "unreadable": 1}


def test_sounds_that_are_silent_clipped_short_or_copies(tmp_path: Path) -> None:
    times = np.arange(4000) / 8000

    def write(name: str, samples: np.ndarray) -> None:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(samples.astype("<i2").tobytes())

    for number in range(24):
        write(f"{'ab'[number % 2]}/{number:02d}.wav", 12000 * np.sin(2 * np.pi * (200 + 9 * number) * times))
    write("a/copy.wav", 12000 * np.sin(2 * np.pi * 200 * times))
    write("a/silent.wav", 5 * np.sin(times))
    write("a/clipped.wav", np.clip(60000 * np.sin(2 * np.pi * 777 * times), -32768, 32767))
    write("a/short.wav", 9000 * np.sin(2 * np.pi * 500 * times[:200]))
    told = {(one.finding, Path(one.path).stem) for one in found(tmp_path)}
    assert told == {("copy", "copy"), ("silent", "silent"), ("clipped", "clipped"), ("short", "short")}


@pytest.mark.parametrize(("shape", "modality"), [((50, 2), "signal"), ((4, 6, 6), "volume")])
def test_signals_and_volumes_that_are_constant_or_copies(tmp_path: Path, shape: tuple[int, ...], modality: str) -> None:
    random = np.random.default_rng(0)
    for split in ("train", "test"):
        for number in range(12):
            path = tmp_path / split / "ab"[number % 2] / f"{number:02d}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, random.normal(size=shape))
    np.save(tmp_path / "test/a/leak.npy", np.load(tmp_path / "train/a/00.npy"))
    np.save(tmp_path / "train/a/flat.npy", np.full(shape, 3.0))
    findings = found(tmp_path)
    told = {(one.finding, Path(one.path).stem) for one in findings if one.path}
    assert told == {("copy_in_two_splits", "leak"), ("constant", "flat")}


def test_findings_are_a_csv_with_the_gravest_first(tmp_path: Path) -> None:
    findings = [
        Finding("b.png", "train", "cat", "blank", "", "levels within 0", "leave it out"),
        Finding("ä,.png", "test", "cat", "copy_in_two_splits", "a.png", "the same bytes", "keep it in one split"),
    ]
    write_findings(sorted(findings, key=place_of), tmp_path / "findings.csv")
    header, first, second = (tmp_path / "findings.csv").read_text(encoding="utf-8").splitlines()
    assert header == "path,split,label,finding,other,value,suggestion"
    assert first.startswith('"ä,.png",test')
    assert second.startswith("b.png")
    assert list(counts(findings)) == [kind for kind in KINDS if kind in ("blank", "copy_in_two_splits")]
