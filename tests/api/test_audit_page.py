"""An audit's page in a real browser, with findings of many kinds."""

from pathlib import Path

import numpy as np
from browser import check_in_browser, needs_chromium
from PIL import Image

import plusx


@needs_chromium
def test_the_page_fits_phones_and_desks(digit_folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    for number, path in enumerate(sorted(digit_folder.rglob("*.png"))):
        copy = root / path.relative_to(digit_folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes()[: 40 if number == 7 else None])
    for number, path in enumerate(sorted(root.glob("train/3/*.png"))[:5]):
        (root / "test" / "4" / f"a very long name of a copy that would reach over the edge {number}.png").write_bytes(
            path.read_bytes()
        )
    Image.fromarray(np.full((8, 90), 30, np.uint8)).save(root / "train/0/blank.png")
    audited = plusx.audit(root, out=tmp_path / "out", labels=False)
    assert {"copy_in_two_splits", "copy_under_two_labels", "unreadable", "blank", "odd_size"} <= set(audited.counts)
    check_in_browser(audited.page)
    words = audited.page.read_text(encoding="utf-8")
    assert "5 pictures are (nearly) in two splits" in words
    assert audited.page.stat().st_size < 5e6
