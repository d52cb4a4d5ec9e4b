"""No file of a person's is written over, not even by a picture of its own name."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from plusx.errors import PlusxError
from plusx.predict.paint import write_picture

GREY = Image.new("L", (4, 3), 90)


def test_ours_may_be_written_again(tmp_path: Path) -> None:
    path = write_picture(GREY, tmp_path / "new" / "cat.png")
    write_picture(Image.new("L", (2, 2), 7), path)
    with Image.open(path) as written:
        assert (written.size, written.getpixel((0, 0))) == ((2, 2), 7)


@pytest.mark.parametrize("content", ["a photograph", "text", "nothing"])
def test_others_stay_as_they_are(content: str, tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    if content == "a photograph":
        GREY.save(path)
    else:
        path.write_bytes(b"notes" if content == "text" else b"")
    before = path.read_bytes()
    with pytest.raises(PlusxError, match=r"cat\.png: this file is not plusx's and stays as it is"):
        write_picture(GREY, path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["cat.png"]
