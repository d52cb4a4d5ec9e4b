"""The page's part about corrupted pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from browser import check_in_browser, needs_chromium
from subjects import classified

from plusx.evaluate.corrupt import CORRUPTIONS
from plusx.evaluate.robustness import Robustness
from plusx.page import Gallery, Paragraph, Table
from plusx.reporting.document import report
from plusx.reporting.robustness import robustness_section

LADDER = (0.95, 0.9, 0.8, 0.7, 0.5)
SUBJECT = classified(["cat", "dog"], 20)


def asked(score: str = "accuracy", falls: bool = False) -> Robustness:
    low = tuple(one / 2 for one in LADDER)
    return Robustness(score, falls, 20, 1.0, {name: low if name == "fog" else LADDER for name in CORRUPTIONS})


def test_nothing_where_it_was_not_asked() -> None:
    assert robustness_section(SUBJECT) == []


def test_it_says_how_much_is_left_and_what_is_worst() -> None:
    words, _, table, strip = robustness_section(replace(SUBJECT, robustness=asked()))[0].blocks
    assert isinstance(words, Paragraph)
    assert isinstance(table, Table)
    assert isinstance(strip, Gallery)
    assert words.text.startswith("The accuracy of 20 test pictures is 100.00 %, and 74.43 % on average")
    assert words.text.endswith("The worst is fog: 38.50 %.")
    assert table.rows[0] == ("gaussian noise", "95.0", "90.0", "80.0", "70.0", "50.0", "77.0")
    assert [card.title for card in strip.cards] == ["clean", *(name.replace("_", " ") for name in CORRUPTIONS)]
    assert len({card.image for card in strip.cards}) == 16


def test_errors_are_no_shares() -> None:
    words, _, table, _ = robustness_section(replace(SUBJECT, robustness=asked("mae", falls=True)))[0].blocks
    assert isinstance(words, Paragraph)
    assert isinstance(table, Table)
    assert "The mae of 20 test pictures is 1, and 0.7443 on average" in words.text
    assert table.rows[0][1] == "0.95"


@needs_chromium
def test_it_reads_everywhere(tmp_path: Path) -> None:
    report(replace(SUBJECT, robustness=asked())).write(tmp_path / "page.html")
    check_in_browser(tmp_path / "page.html")
