"""The policies' operations against torchvision's TrivialAugmentWide and timm's RandAugment."""

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data.auto_augment import _RAND_INCREASING_TRANSFORMS, LEVEL_TO_ARG, NAME_TO_OP
from torchvision.transforms.v2 import InterpolationMode, TrivialAugmentWide

from plusx.data.augment import rand_augment, trivial_augment
from plusx.data.augment.policy import apply_drawn, rand_ops, trivial_ops

TORCHVISION = {
    "identity": "Identity",
    "shear_x": "ShearX",
    "shear_y": "ShearY",
    "translate_x": "TranslateX",
    "translate_y": "TranslateY",
    "rotate": "Rotate",
    "brightness": "Brightness",
    "saturation": "Color",
    "contrast": "Contrast",
    "sharpness": "Sharpness",
    "posterize": "Posterize",
    "solarize": "Solarize",
    "autocontrast": "AutoContrast",
    "equalize": "Equalize",
}
TIMM = {
    "autocontrast": "AutoContrast",
    "equalize": "Equalize",
    "invert": "Invert",
    "rotate": "Rotate",
    "posterize": "PosterizeIncreasing",
    "solarize": "SolarizeIncreasing",
    "solarize_add": "SolarizeAdd",
    "saturation": "ColorIncreasing",
    "contrast": "ContrastIncreasing",
    "brightness": "BrightnessIncreasing",
    "sharpness": "SharpnessIncreasing",
    "shear_x": "ShearX",
    "shear_y": "ShearY",
    "translate_x": "TranslateXRel",
    "translate_y": "TranslateYRel",
}
# torchvision moves by whole pixels; a threshold of a whole level is one or the other side of it by the last bit.
EXACT = {"translate_x": slice(None, None, 30), "translate_y": slice(None, None, 30), "solarize": slice(1, None, 2)}
MOVES = {"shear_x", "shear_y", "translate_x", "translate_y", "rotate"}


def test_the_lists_are_the_publications():
    assert [TORCHVISION[name] for name in trivial_ops(32, 0)] == list(TrivialAugmentWide._AUGMENTATION_SPACE)
    assert [TIMM[name] for name in rand_ops(0)] == _RAND_INCREASING_TRANSFORMS


@pytest.mark.parametrize("name", TORCHVISION)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sign", [-1, 1])
def test_trivial_augments_operations_as_torchvision(drawn, name: str, channels: int, sign: int):
    pixels, _ = drawn((31, channels, 40, 46), 0)
    levels = sign * torch.arange(31) / 30
    # Without a fill: with one, torchvision weighs the border's pixels twice.
    theirs = TrivialAugmentWide(interpolation=InterpolationMode.BILINEAR)
    magnitudes, signed = theirs._AUGMENTATION_SPACE[TORCHVISION[name]]
    strengths = magnitudes(31, 40, 46)
    if name in EXACT:
        levels, pixels, strengths = levels[EXACT[name]], pixels[EXACT[name]], strengths[EXACT[name]]
    result = trivial_ops(32, 0)[name](pixels, levels)
    for row, picture in enumerate(pixels):
        strength = 0.0 if strengths is None else float(strengths[row]) * (sign if signed else 1)
        expected = theirs._apply_image_or_video_transform(
            picture, TORCHVISION[name], strength, interpolation=theirs.interpolation, fill=theirs._fill
        )
        # Bilinear levels are rounded from coordinates, and blends cut off from sums, that differ in the last bit.
        assert (result[row].int() - expected.int()).abs().max() <= 1


@pytest.mark.parametrize("name", TIMM)
@pytest.mark.parametrize("magnitude", [0, 2.3, 7, 9.9])
def test_rand_augments_operations_as_timm(monkeypatch: pytest.MonkeyPatch, name: str, magnitude: float):
    monkeypatch.setattr("random.random", lambda: 0.0)  # timm then turns no direction round
    down, across = np.mgrid[:40, :48]
    waves = np.stack([127 + 120 * np.sin(across / (7 + k) + down / (11 - k)) for k in range(3)], -1).astype(np.uint8)
    arguments = LEVEL_TO_ARG[TIMM[name]]
    strengths = arguments(magnitude, {}) if arguments else ()
    resample = Image.Resampling.BILINEAR
    pillow = NAME_TO_OP[TIMM[name]](Image.fromarray(waves), *strengths, fillcolor=(128,) * 3, resample=resample)
    # A positive translation is to the left in timm, to the right in torchvision and here.
    level = torch.tensor([-magnitude / 10 if "translate" in name else magnitude / 10])
    pixels = torch.from_numpy(waves).permute(2, 0, 1)[None]
    apart = (rand_ops(128)[name](pixels, level)[0].int() - torch.from_numpy(np.array(pillow)).permute(2, 0, 1)).abs()
    if name in MOVES:
        # Where the border comes in, Pillow repeats half a pixel of it before it fills.
        inside = rand_ops(0)[name](torch.full_like(pixels, 255), level)[0] == 255
        assert inside.float().mean() > 0.3
        assert apart[inside].max() <= 1
    else:
        # Pillow rounds each pixel's luma and their mean before it blends, so that a level may be one more apart.
        assert apart.max() <= (2 if name == "contrast" else 1)


def test_each_example_has_its_own_operation(drawn):
    pixels, _ = drawn((15, 3, 8, 9), 0)
    operations = rand_ops(128)
    level = torch.linspace(-1, 1, 15)
    results = apply_drawn(operations, pixels, torch.arange(15), level)
    for place, operation in enumerate(operations.values()):
        one = slice(place, place + 1)
        assert torch.equal(results[one], operation(pixels[one], level[one]))
    assert torch.equal(apply_drawn(operations, pixels, torch.full((15,), -1), level), pixels)


def test_trivial_augment_draws_each_operation_and_strength_alike():
    white = torch.full((31, 1, 1, 64), 255, dtype=torch.uint8)
    level = (torch.arange(31) + 0.5) / 31
    translate_x, right = torch.full((31,), 3.5 / 14), torch.full((31,), 0.5)
    moved = trivial_augment(white, torch.stack([translate_x, level, right], 1), reach=30)
    assert (moved == 0).sum((1, 2, 3)).tolist() == list(range(31))
    kept = trivial_augment(white, torch.stack([translate_x - 3 / 14, level, right], 1), reach=30)
    assert torch.equal(kept, white)


def test_rand_augment_draws_normal_magnitudes_and_stops_at_the_ends():
    count = 4000
    ramp = torch.arange(256, dtype=torch.uint8).expand(count, 1, 1, 256)
    u = torch.rand(count, 4, generator=torch.Generator().manual_seed(0))
    u[:, 0] = 5.5 / 15  # solarize, whose threshold is 256 - 25.6 magnitude
    inverted = (rand_augment(ramp, u, 1, magnitude=6, magnitude_std=1, probability=0.75) != ramp).sum((1, 2, 3))
    assert (inverted > 0).float().mean().item() == pytest.approx(0.75, abs=0.03)
    magnitudes = inverted[inverted > 0] / 25.6
    assert magnitudes.mean().item() == pytest.approx(6, abs=0.06)
    assert magnitudes.std().item() == pytest.approx(1, abs=0.05)
    ends = (rand_augment(ramp, u, 1, magnitude=9, magnitude_std=100, probability=1) != ramp).sum((1, 2, 3))
    assert set(ends.unique().tolist()) >= {0, 256}


def test_rand_augment_is_one_operation_after_the_other(drawn):
    pixels, u = drawn((30, 3, 8, 9), 8)
    at_once = rand_augment(pixels, u, 2, 7)
    one_by_one = rand_augment(rand_augment(pixels, u[:, :4].contiguous(), 1, 7), u[:, 4:].contiguous(), 1, 7)
    assert torch.equal(at_once, one_by_one)


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_nothing_happens_without_probability_or_strength(drawn, probability: float):
    pixels, u = drawn((60, 3, 8, 9), 8)
    assert torch.equal(rand_augment(pixels, u, 2, 9, probability=probability), pixels) == (probability == 0)
