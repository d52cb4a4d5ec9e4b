from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from browser import check_in_browser, needs_chromium
from subjects import classified

from plusx import report, train
from plusx.errors import PlusxError, WrongUse
from plusx.reporting.compare import compared
from plusx.reporting.document import report as page_of

MOST_BYTES = 5_000_000


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("runs")
    return [
        train("digits", out=root / name, model="resnet8", changes={"epochs": epochs}).run
        for name, epochs in (("short", "1"), ("longer", "3"))
    ]


@needs_chromium
def test_a_run_has_a_page_that_reads_everywhere(runs: list[Path]) -> None:
    check_in_browser(runs[1] / "report.html")


def test_it_says_what_was_trained_and_how(runs: list[Path]) -> None:
    html = (runs[1] / "report.html").read_text(encoding="utf-8")
    for part in ("named rightly", "What is taken for what", "How sure it is", "How it learned", "multiply-accumulates"):
        assert part in html
    assert html.count("<img") >= 12


def test_it_is_written_again_from_the_run(runs: list[Path], tmp_path: Path) -> None:
    again = report(runs[1], out=tmp_path / "again.html")
    before, after = ((path.read_text(encoding="utf-8")) for path in (runs[1] / "report.html", again))
    # All but the measured times.
    cut = before.index("What it costs</h2>")
    assert after[:cut] == before[:cut]


@needs_chromium
def test_runs_beside_one_another(runs: list[Path], tmp_path: Path) -> None:
    path = report(runs, out=tmp_path / "both.html")
    html = path.read_text(encoding="utf-8")
    assert "McNemar" in html
    assert "short" in html
    assert "longer" in html
    check_in_browser(path)


@needs_chromium
def test_a_thousand_classes_fit_on_a_phone(tmp_path: Path) -> None:
    names = [f"class number {number}" for number in range(1000)]
    subject = classified(names, 4000, wrong=0.4)
    page_of(subject).write(tmp_path / "many.html")
    assert (tmp_path / "many.html").stat().st_size < MOST_BYTES
    check_in_browser(tmp_path / "many.html")
    compared([subject, classified(names, 4000, wrong=0.3, seed=1)], ["one", "two"]).write(tmp_path / "two.html")
    assert (tmp_path / "two.html").stat().st_size < MOST_BYTES


def test_all_right_and_all_of_one_class_are_no_special_case() -> None:
    assert "Not one of them is confused" in page_of(classified("ab", 50, wrong=0)).html()
    assert "named rightly" in page_of(classified(["only", "other"], 1, course=())).html()


def test_errors_name_the_folder(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="holds no run"):
        report(tmp_path)
    with pytest.raises(WrongUse, match="no run; give"):
        report([])
    with pytest.raises(WrongUse, match="split"):
        report(runs[0], split="train2", out=tmp_path / "a.html")


def test_a_set_that_changed_is_not_judged(digit_folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for split in ("train", "test"):
        for number in range(12):
            path = data / split / "ab"[number % 2] / f"{number}.npy.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(sorted(digit_folder.rglob("*.png"))[number].read_bytes())
    run = train(data, out=tmp_path / "run", model="resnet8", changes={"epochs": "1"}).run
    (data / "train" / "a" / "0.npy.png").unlink()
    with pytest.raises(PlusxError, match="has changed since the run"):
        report(run)
    assert np.array([len(list((data / split).rglob("*.png"))) for split in ("train", "test")]).tolist() == [11, 12]
