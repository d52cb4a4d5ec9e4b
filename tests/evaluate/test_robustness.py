"""Scores of corrupted pictures, against those worked out picture by picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from plusx import load, train
from plusx.api.model import Model
from plusx.cli.main import main
from plusx.data.cache import Prepared, prepare_samples
from plusx.data.image import ImageSpec
from plusx.data.samples import read_dataset
from plusx.errors import WrongUse
from plusx.evaluate.corrupt import CORRUPTIONS
from plusx.evaluate.robustness import Robustness, evenly, robustness

LIMIT = 40


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train("digits", out=tmp_path_factory.mktemp("runs") / "run", changes={"epochs": "4"}).run


@pytest.fixture(scope="module")
def model(run: Path) -> Model:
    return load(run)


def digits_to_test() -> Prepared:
    return prepare_samples(read_dataset("digits").split("test"), ImageSpec(height=8, width=8, channels=1), cache=None)


def test_they_are_those_of_pictures_corrupted_by_hand(model: Model) -> None:
    scores = model.evaluate("digits", corruptions=True, limit=LIMIT)
    test = read_dataset("digits").split("test")
    spec = ImageSpec.model_validate(model.archive.manifest.preprocessing)
    chosen = np.linspace(0, len(test) - 1, LIMIT).round().astype(int)
    pictures = np.stack([spec.prepare(test.source.read(int(row))) for row in chosen])
    truth = [test.classes[target] for target in test.targets[chosen]]
    for name, severity in (("impulse_noise", 5), ("fog", 2), ("pixelate", 4)):
        changed = CORRUPTIONS[name](pictures, severity)
        right = [answer["label"] == label for answer, label in zip(model.predict(list(changed)), truth, strict=True)]
        assert scores["corruptions"][name][str(severity)] == np.mean(right)
    assert scores["corruption_count"] == LIMIT
    assert scores["count"] == len(test)


def test_the_parts_fit_one_another(model: Model) -> None:
    scores = model.evaluate("digits", corruptions=True, limit=LIMIT)
    tables = scores["corruptions"]
    assert list(tables) == list(CORRUPTIONS)
    for row in tables.values():
        assert list(row) == ["1", "2", "3", "4", "5", "mean"]
        assert row["mean"] == pytest.approx(np.mean([row[str(severity)] for severity in range(1, 6)]))
    means = {name: row["mean"] for name, row in tables.items()}
    assert scores["corruption_mean"] == pytest.approx(np.mean(list(means.values())))
    assert scores["corruption_worst"] == min(means.values()) == means[scores["corruption_worst_name"]]
    assert scores["corruption_relative"] == pytest.approx(scores["corruption_mean"] / scores["corruption_clean"])


def test_noise_and_fog_cost_accuracy(model: Model) -> None:
    scores = model.evaluate("digits", corruptions=True)
    assert scores["corruption_count"] == scores["count"]
    assert scores["corruption_clean"] == scores["accuracy"]
    for name in ("impulse_noise", "fog"):
        assert scores["corruptions"][name]["5"] < scores["accuracy"]


def test_what_is_lower_the_better_is_worst_where_it_is_highest() -> None:
    found = Robustness("mae", True, 10, 1.0, {"fog": (2.0,) * 5, "snow": (3.0,) * 5})
    assert (found.worst, found.as_scores()["corruption_worst"], found.as_scores()["corruption_relative"]) == (
        "snow",
        3,
        2.5,
    )
    assert Robustness("r2", False, 10, 0.0, {"fog": (0.1,) * 5}).as_scores()["corruption_relative"] is None


def test_examples_are_taken_evenly() -> None:
    prepared = prepare_samples(
        read_dataset("digits").split("test"), ImageSpec(height=8, width=8, channels=1), cache=None
    )
    few = evenly(prepared, 5)
    assert few.kept.tolist() == [0, 90, 179, 268, 358]
    assert len(evenly(prepared, 10_000)) == len(prepared)


def test_each_is_told_as_it_is_done(model: Model) -> None:
    prepared = prepare_samples(
        read_dataset("digits").split("test"), ImageSpec(height=8, width=8, channels=1), cache=None
    )
    told: list[tuple[str, int, int]] = []
    robustness(model.archive, model.engine, prepared, 5, lambda *what: told.append(what))
    assert told == [(name, place, 15) for place, name in enumerate(CORRUPTIONS, 1)]


@pytest.mark.parametrize(
    ("choices", "refusal"),
    [
        ({"corruptions": True, "limit": 0}, "--limit 0: .* 1 or more"),
        ({"limit": 5}, "--limit 5: .* add --corruptions"),
    ],
)
def test_a_wrong_limit_is_refused(model: Model, choices: dict, refusal: str) -> None:
    with pytest.raises(WrongUse, match=refusal):
        model.evaluate("digits", **choices)


def test_the_command_prints_a_table_and_writes_a_page(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    command = ["evaluate", str(run), "digits", "--corruptions", "--limit", "30", "--report", str(page)]
    with pytest.raises(SystemExit) as ended:
        main(command)
    printed = capsys.readouterr()
    assert ended.value.code in (None, 0)
    assert "accuracy of 30 of 359 examples, corrupted; severities 1 to 5\n" in printed.out
    lines = {line.split()[0]: line.split() for line in printed.out.splitlines() if line}
    assert all(len(lines[name]) == 13 for name in CORRUPTIONS)
    assert "corrupted: jpeg_compression, 15 of 15\n" in printed.err
    html = page.read_text(encoding="utf-8")
    assert "When pictures are corrupted" in html
    assert html.count("severity 3") == 15
    with pytest.raises(SystemExit):
        main([*command, "--json"])
    scores = json.loads(capsys.readouterr().out)
    assert scores["corruptions"]["fog"]["5"] == pytest.approx(float(lines["fog"][9]) / 100, abs=1e-4)
