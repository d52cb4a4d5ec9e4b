from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from browser import check_in_browser, needs_chromium

from plusx.errors import PlusxError
from plusx.page import Card, Code, Figure, Gallery, Note, Page, Paragraph, Section, Table
from plusx.page.document import ROWS_SHOWN
from plusx.page.figures import COLOURS, drawn
from plusx.page.pictures import jpeg, png

NASTY = "<script>alert(1)</script> & \"'"


def line() -> str:
    with drawn() as (axes, done):
        axes.plot([0, 1, 2], [3, 1, 2], color=COLOURS[0], label="loss")
        axes.set_xlabel("epoch")
        axes.legend()
        return done()


@pytest.fixture
def page() -> Page:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    cards = [
        Card("cat", ["93 %"], image=png(grey)),
        Card(NASTY, image=jpeg(np.stack([grey] * 3, -1))),
        Card("words", marked=[("good ", 1.0), ("bad", -0.5)]),
        Card("sound", audio=b"RIFF", svg=line()),
    ]
    long = Table(("class", "count"), [(f"c{row}", row) for row in range(60)], "All of them", numeric=("count",))
    wide = Table([f"a long name {column}" for column in range(40)], [["x" * 20] * 40])
    blocks = [Paragraph(NASTY), Note("Well.", "good"), Code("plusx train " + "x" * 300), Figure(line(), "The loss.")]
    return Page(NASTY, "In short.", [Section("All", blocks), Section("Rest", [long, wide, Gallery(cards)])])


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]


def test_words_stay_words_and_nothing_comes_from_elsewhere(page: Page) -> None:
    tags = Tags()
    tags.feed(page.html())
    assert "script" not in tags.tags
    assert all(address.startswith(("data:", "#")) for address in tags.addresses)
    assert page.html().count("alert(1)") == 5  # the title twice, a paragraph, a card's title and its picture's
    assert "default-src 'none'" in page.html()
    assert not re.search(r"url\((?!#)", page.html())


def test_long_tables_are_folded_and_whole(page: Page) -> None:
    html = page.html()
    assert f"{60 - ROWS_SHOWN} more" in html
    assert all(f">c{row}<" in html for row in range(60))


def test_the_same_page_is_the_same_file(page: Page) -> None:
    assert page.html() == page.html()


def test_it_is_written_whole_and_errors_name_the_file(page: Page, tmp_path: Path) -> None:
    page.write(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == page.html()
    with pytest.raises(PlusxError, match=r"b\.html: the page cannot be written"):
        page.write(tmp_path / "none" / "b.html")


def test_drawings_take_the_pages_colours_and_no_numbered_ids() -> None:
    svg = line()
    assert all(colour not in svg for colour in COLOURS)
    assert "var(--c0)" in svg
    assert 'id="axes_1"' not in svg
    used = set(re.findall(r"url\(#([^)]+)\)", svg)) | set(re.findall(r'href="#([^"]+)"', svg))
    assert used <= set(re.findall(r'id="([^"]+)"', svg))


def test_a_card_shows_pictures_alone() -> None:
    assert Card("a", image=png(np.zeros((4, 4, 3), np.uint8))).pixelated
    assert not Card("a", image=jpeg(np.zeros((4, 4), np.uint8))).pixelated
    assert Card("a").image_uri is None
    with pytest.raises(ValueError, match="neither"):
        _ = Card("a", image=b"GIF89a").image_uri


@needs_chromium
def test_in_a_browser(page: Page, tmp_path: Path) -> None:
    page.write(tmp_path / "page.html")
    check_in_browser(tmp_path / "page.html")
