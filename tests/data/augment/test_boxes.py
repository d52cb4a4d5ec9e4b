"""Boxes go where augmentations move what is in them."""

from typing import Any

import pytest
import torch

from plusx.data.augment import Crop, Cutout, Flip, RandAugment, Shift, TrivialAugment, Warp
from plusx.data.augment.boxes import move_boxes, refuse_for_boxes
from plusx.errors import WrongUse

HEIGHT, WIDTH = 60, 80
BOX = (20, 15, 50, 35)
MOVES: dict[str, Any] = {
    "flip": Flip(),
    "shift": Shift(reach=9, fill=0),
    "crop": Crop(scale=(0.5, 1.0)),
    "warp": Warp(rotate=0, shear=0, scale=0.3, shift=8),
    "slanted": Warp(rotate=0, shear=0.2, scale=0.1, shift=3),
    "turned": Warp(rotate=20, shear=0.1, scale=0.2, shift=4),
    "cutout": Cutout(size=2),
}


@pytest.mark.parametrize("name", MOVES)
def test_a_rectangle_stays_in_its_box(name: str) -> None:
    augmentation = MOVES[name]
    torch.manual_seed(0)
    u = torch.rand(64, augmentation.draws)
    x0, y0, x1, y1 = BOX
    pixels = torch.zeros(64, 1, HEIGHT, WIDTH, dtype=torch.uint8)
    pixels[:, :, y0:y1, x0:x1] = 255
    sides = torch.tensor([WIDTH, HEIGHT] * 2)
    row = torch.tensor([3, *(torch.tensor(BOX) / sides).tolist()])
    boxes = torch.stack([row, torch.full((5,), -1.0)]).expand(64, 2, 5)
    moved = move_boxes(augmentation, boxes, (HEIGHT, WIDTH), u)
    assert (moved[:, 1] == -1).all()
    seen = augmentation(pixels, u)[:, 0] > 127
    for picture, (label, *shares) in zip(seen, moved[:, 0].tolist(), strict=True):
        if label == -1:
            # Less than KEPT of it is left.
            assert picture.sum() < 0.45 * (x1 - x0) * (y1 - y0) * 2
            continue
        assert label == 3
        across, down = picture.any(0).nonzero()[:, 0], picture.any(1).nonzero()[:, 0]
        found = torch.tensor([across[0], down[0], across[-1] + 1, down[-1] + 1])
        height, width = picture.shape
        given = torch.tensor(shares) * torch.tensor([width, height] * 2)
        assert (given - found).abs().max() <= (2.5 if name in ("turned", "slanted") else 1.01)


def test_what_is_mostly_outside_is_no_box_any_more() -> None:
    boxes = torch.tensor([[[0, 0.0, 0.0, 0.5, 1.0], [1, 0.5, 0.0, 1.0, 1.0], [-2, 0.0, 0.0, 1.0, 1.0]]])
    # 8 of 20 pixels to the left: of the first 2 of 10 columns stay.
    moved = move_boxes(Shift(reach=8), boxes, (20, 20), torch.tensor([[0.5, 0.0]]))
    assert moved[0, 0].tolist() == [-1] * 5
    torch.testing.assert_close(moved[0, 1], torch.tensor([1, 0.1, 0.0, 0.6, 1.0]))
    assert moved[0, 2, 0] == -2


@pytest.mark.parametrize(
    ("augmentation", "name"),
    [(TrivialAugment(), "trivial_augment"), (RandAugment(), "rand_augment"), (Warp(elastic=1.0), "warp.elastic")],
)
def test_what_boxes_cannot_follow_is_refused(augmentation: Any, name: str) -> None:
    with pytest.raises(WrongUse, match=f"--set augment: boxes cannot follow {name}; use flip, shift, crop"):
        refuse_for_boxes([Flip(), augmentation])
    refuse_for_boxes(list(MOVES.values()))
