"""The docs' studies: the page says what the kept figures say, and the figures' verdicts follow from their rows."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from plusx.understand.studies import STUDIES

ROOT = Path(__file__).parents[1]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("studies")


def test_the_page_is_made_of_the_kept_figures(script: ModuleType) -> None:
    assert script.PAGE.read_text(encoding="utf-8") == script.made()
    assert script.section() in (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", STUDIES)
def test_kept_verdicts_follow_from_kept_rows(name: str, script: ModuleType) -> None:
    runs = script.runs_of(name)
    assert runs
    for path, figures in runs:
        found = STUDIES[name].findings(figures["rows"])
        assert [(one.claim, one.status) for one in found] == [(o["claim"], o["status"]) for o in figures["findings"]]
        assert path.with_suffix(".png").stat().st_size < 100_000
        assert path.with_suffix(".json").stat().st_size < 150_000
