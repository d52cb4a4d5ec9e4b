"""What holds for every augmentation of pictures."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from plusx.data.augment import (
    AUGMENTATIONS,
    SUITED,
    Augmentation,
    Crop,
    Cutout,
    Erase,
    Flip,
    RandAugment,
    Shift,
    Warp,
    check_suited,
)
from plusx.data.augment.policy import rand_ops, trivial_ops
from plusx.data.modalities import MODALITIES
from plusx.errors import WrongUse

CASES = {
    **{name: kind() for name, kind in SUITED["image"].items()},
    "erase": Erase(probability=0.8),
    "erase, plain": Erase(probability=0.8, fill=3),
    "warp, elastic": Warp(elastic=1.5, points=4, fill="edge"),
    "warp, grey": Warp(fill=128),
    "rand_augment, more": RandAugment(ops=5, magnitude_std=3, probability=1, fill="edge"),
}


@pytest.mark.parametrize("augmentation", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_input_stays_and_so_do_type_shape_and_layout(drawn, augmentation, channels: int, channels_last: bool):
    pixels, u = drawn((12, channels, 10, 12), augmentation.draws, channels_last)
    before = pixels.clone()
    result = augmentation(pixels, u)
    assert torch.equal(pixels, before)
    assert not torch.equal(result, before)
    assert result.dtype == torch.uint8
    assert result.shape == pixels.shape
    assert result.stride() == pixels.stride()


@pytest.mark.parametrize("augmentation", CASES.values(), ids=CASES.keys())
@given(first=st.integers(0, 20), count=st.integers(1, 20), seed=st.integers(0, 1000), channels=st.sampled_from([1, 3]))
@settings(max_examples=15, deadline=None)
def test_no_example_depends_on_its_neighbours(drawn, augmentation, first: int, count: int, seed: int, channels: int):
    pixels, u = drawn((40, channels, 9, 11), augmentation.draws, seed=seed)
    some = slice(first, first + count)
    assert torch.equal(augmentation(pixels, u)[some], augmentation(pixels[some], u[some]))


@pytest.mark.parametrize("augmentation", CASES.values(), ids=CASES.keys())
def test_the_extreme_numbers_and_the_smallest_pictures_are_no_exceptions(drawn, augmentation):
    for shape in ((3, 3, 10, 12), (3, 1, 2, 2), (3, 3, 1, 1)):
        pixels, u = drawn(shape, augmentation.draws)
        for extreme in (0.0, 1 - 2**-24):
            assert augmentation(pixels, torch.full_like(u, extreme)).shape == shape


def call(augmentation: Augmentation) -> tuple[str, Callable[[Tensor], Tensor]]:
    return augmentation.name, lambda pixels: augmentation(pixels, torch.empty(4, augmentation.draws, device="meta"))


ON_DEVICE = [
    *map(call, (Flip(), Shift(), Crop(), Cutout(), Warp(), Warp(elastic=1, fill="edge"), Erase(fill=0))),
    *(
        (name, lambda pixels, op=op: op(pixels, torch.empty(4, device="meta")))
        for name, op in trivial_ops(32, 0).items()
    ),
    *((name, lambda pixels, op=op: op(pixels, torch.empty(4, device="meta"))) for name, op in rand_ops(128).items()),
]


@pytest.mark.parametrize(("name", "change"), ON_DEVICE, ids=[name for name, _ in ON_DEVICE])
def test_everything_stays_on_the_device_of_the_pictures(name: str, change: Callable[[Tensor], Tensor]):
    """Numbers made elsewhere would not go together with tensors of the meta device, which holds no values."""
    pixels = torch.empty(4, 3, 10, 12, dtype=torch.uint8, device="meta")
    if name == "equalize":
        with pytest.raises(NotImplementedError, match="aten::bincount"):  # all before it went well
            change(pixels)
    else:
        assert change(pixels).device.type == "meta"


@pytest.mark.parametrize("augmentation", CASES.values(), ids=CASES.keys())
def test_a_recipe_reads_it_back_and_refuses_what_it_does_not_know(augmentation):
    reader = TypeAdapter(Augmentation)
    assert reader.validate_json(reader.dump_json(augmentation)) == augmentation
    with pytest.raises(ValidationError):
        reader.validate_python({"name": augmentation.name, "no_such_setting": 1})


def test_names_are_the_lists():
    assert {name: kind().name for name, kind in AUGMENTATIONS.items()} == {name: name for name in AUGMENTATIONS}


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("modality", MODALITIES)
def test_it_is_refused_for_another_modality_in_one_line(name: str, modality: str):
    one = AUGMENTATIONS[name]()
    if name in SUITED.get(modality, {}):
        check_suited([one], modality)
        return
    with pytest.raises(WrongUse, match=rf"^--set augment: {name} is not for the modality {modality}; ") as refused:
        check_suited([one], modality)
    assert "\n" not in str(refused.value)
