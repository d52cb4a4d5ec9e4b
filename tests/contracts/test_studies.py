"""Every study, whole: from pictures to its figures, its drawing and its page, and the same again."""

import json
from pathlib import Path
from typing import Any

import pytest

import plusx
from plusx.understand.studies import STUDIES

# What makes each study small; a new one needs a line.
SMALL: dict[str, dict[str, Any]] = {
    "degradation": {"blocks": (1, 2)},
    "gradients": {"blocks": (1, 2), "trained_blocks": 1},
    "lesion": {"blocks": 2},
    "shortcuts": {"blocks": 1},
    "responses": {"blocks": (1, 2)},
    "landscape": {"blocks": 1, "points": 5, "looked_at": 32},
    "depth-cost": {"factors": (2,)},
}
TINY = {"epochs": 1, "width": 4, "batch_size": 32, "train": 64, "test": 40}


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_gives_figures_a_drawing_and_a_page(name: str, tmp_path: Path) -> None:
    changes = {**TINY, **SMALL[name]}
    done = plusx.study(name, quick=True, seeds=2, changes=changes, out=tmp_path)
    written = json.loads((tmp_path / "study.json").read_text())
    assert written == done.summary()
    assert written["study"] == name
    assert written["settings"]["seeds"] == [0, 1]
    assert {row["seed"] for row in written["rows"]} == {0, 1}
    assert len(written["findings"]) == len(done.findings) >= 3
    page = (tmp_path / "study.html").read_text()
    assert page.count("<svg") == len(done.study.panels)
    for heading in ("What the paper claimed", "What this run showed", "Where they differ", "How it was run"):
        assert heading in page
    for finding in done.findings:
        assert finding.claim.replace("'", "&#39;") in page
    drawing = (tmp_path / "study.png").read_bytes()
    assert drawing.startswith(b"\x89PNG")
    assert len(drawing) < 100_000


@pytest.mark.parametrize("name", STUDIES)
def test_the_same_settings_give_the_same_figures(name: str) -> None:
    changes = {**TINY, **SMALL[name]}
    one, two = (plusx.study(name, quick=True, seeds=1, changes=changes).summary() for _ in range(2))
    assert {finding["status"] for finding in one["findings"]} == {"one seed"}
    del one["duration_s"], two["duration_s"]
    assert json.dumps(one) == json.dumps(two)


def test_names_are_their_own() -> None:
    assert all(study.name == name for name, study in STUDIES.items())
    assert all(study.quick != study.settings for study in STUDIES.values())
