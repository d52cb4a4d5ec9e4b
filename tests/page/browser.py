"""A page in a real browser: what it says on its console, and whether anything reaches over its edge."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PHONE, DESK = (390, 844), (1400, 900)

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


def opened(launched: Any, path: Path, size: tuple[int, int], scheme: str) -> tuple[Any, list[str]]:
    """(the page, what its console and its requests said) at a window's (width, height)."""
    said: list[str] = []
    page = launched.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
    page.goto(path.as_uri())
    return page, said


def check_in_browser(path: Path) -> None:
    """On a phone and on a desk, light and dark: nothing on the console, no request, nothing wider than the window."""
    with browser() as launched:
        for size in (PHONE, DESK):
            for scheme in ("light", "dark"):
                page, said = opened(launched, path, size, scheme)
                assert said == []
                assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
                page.close()
