"""A study's page as a browser shows it, on a phone and on a desk."""

from pathlib import Path

from browser import check_in_browser, needs_chromium

from plusx.api.study import study


@needs_chromium
def test_in_a_browser(tmp_path: Path) -> None:
    changes = {"blocks": 1, "points": 5, "looked_at": 16, "epochs": 0.5, "width": 4, "train": 64, "test": 16}
    study("landscape", quick=True, seeds=2, changes=changes, out=tmp_path)
    check_in_browser(tmp_path / "study.html")
