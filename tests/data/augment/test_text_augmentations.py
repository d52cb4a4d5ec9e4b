"""What holds for every augmentation of texts, and what each does."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from plusx.data.augment import SUITED, Augmentation, ByteDrop, ByteSwap, LetterCase, TextStart
from plusx.data.augment.text import byte_drop, byte_swap, letter_case, text_start
from plusx.data.text import TextSpec

WORDS = ["The quick brown fox", "Größe und Maß", "быстрая лиса", "快速的棕色狐狸跳过", "a", "ß", "😀😀😀", "x" * 40]
CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
CASES: dict[str, Any] = {
    **{name: kind() for name, kind in SUITED["text"].items()},
    "all dropped": ByteDrop(share=1),
    "all swapped": ByteSwap(share=1),
    "all recased": LetterCase(probability=1),
    "anywhere": TextStart(reach=1),
}


def batch(words: list[str] = WORDS, length: int = 40) -> Tensor:
    spec = TextSpec(length=length)
    return torch.stack([torch.from_numpy(spec.prepare(one.encode())) for one in words]).movedim(-1, 1)


def words_of(text: Tensor) -> list[str]:
    return [bytes(one.flatten().tolist()).rstrip(b"\0").decode() for one in text]


def drawn(count: int, draws: int, seed: int = 0) -> Tensor:
    return torch.rand(count, draws, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("augmentation", CASES.values(), ids=CASES.keys())
class TestAny:
    def test_the_input_stays_and_so_do_type_and_shape(self, augmentation: Any):
        text = batch()
        before = text.clone()
        results = [augmentation(text, drawn(len(text), augmentation.draws, seed)) for seed in range(20)]
        assert torch.equal(text, before)
        assert any(not torch.equal(result, before) for result in results)
        assert {(result.dtype, result.shape) for result in results} == {(torch.uint8, text.shape)}

    @given(first=st.integers(0, 5), count=st.integers(1, 3), seed=st.integers(0, 1000))
    @settings(max_examples=15, deadline=None)
    def test_no_example_depends_on_its_neighbours(self, augmentation: Any, first: int, count: int, seed: int):
        text, u = batch(), drawn(len(WORDS), augmentation.draws, seed)
        some = slice(first, first + count)
        assert torch.equal(augmentation(text, u)[some], augmentation(text[some], u[some]))

    @given(
        words=st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), min_size=1, max_size=4
        )
    )
    @settings(max_examples=30, deadline=None)
    def test_characters_stay_whole(self, augmentation: Any, words: list[str]):
        words = [one if one.strip("\ufeff").strip() else "a" for one in words]
        text = batch(words, 24)
        for seed in range(3):
            for one in augmentation(text, drawn(len(text), augmentation.draws, seed)):
                # Zeros may stand where characters were left out.
                bytes(one.flatten().tolist()).decode()

    def test_the_extreme_numbers_are_no_exceptions(self, augmentation: Any):
        for length in (1, 2, 40):
            for extreme in (0.0, 1 - 2**-24):
                text = batch(["a" * length], length)
                assert augmentation(text, torch.full((1, augmentation.draws), extreme)).shape == (1, 1, length)

    def test_everything_stays_on_the_device_of_the_texts(self, augmentation: Any):
        text = torch.empty(4, 1, 12, dtype=torch.uint8, device="meta")
        assert augmentation(text, torch.empty(4, augmentation.draws, device="meta")).device.type == "meta"

    def test_a_recipe_reads_it_back_and_refuses_what_it_does_not_know(self, augmentation: Any):
        reader = TypeAdapter(Augmentation)
        assert reader.validate_json(reader.dump_json(augmentation)) == augmentation
        with pytest.raises(ValidationError):
            reader.validate_python({"name": augmentation.name, "no_such_setting": 1})


def test_a_text_begins_elsewhere_and_never_vanishes():
    for words in WORDS:
        u = torch.arange(0, 1, 0.01)[:, None]
        for reach in (0.5, 1.0):
            begun = words_of(text_start(batch([words] * len(u)), u, reach))
            assert all(one and words.endswith(one) for one in begun)
            assert {len(one) for one in begun} <= set(range(1, len(words) + 1))
        assert set(words_of(text_start(batch([words] * len(u)), u, 0))) == {words}
    assert len(set(words_of(text_start(batch(["abcdefgh"] * 100), torch.arange(0, 1, 0.01)[:, None], 0.5)))) == 5


def test_the_share_of_characters_is_dropped():
    text = batch(["ё" * 500] * 40, 1000)
    zeros = byte_drop(text, drawn(40, 1), 0.1) == 0
    assert zeros.float().mean().item() == pytest.approx(0.1, abs=0.01)
    assert torch.equal(zeros[:, :, 0::2], zeros[:, :, 1::2])
    assert torch.equal(byte_drop(text, drawn(40, 1), 0), text)


def test_neighbours_are_swapped():
    even, odd = torch.tensor([[0.5, 0.2]]), torch.tensor([[0.5, 0.7]])
    assert words_of(byte_swap(batch(["abcde"], 5), even, 1)) == ["badce"]
    assert words_of(byte_swap(batch(["abcde"], 5), odd, 1)) == ["acbed"]
    assert words_of(byte_swap(batch(["aßbc"], 6), even, 1)) == ["aßbc"]
    assert words_of(byte_swap(batch(["ab"], 6), odd, 1)) == ["ab"]
    swapped = byte_swap(batch(["ab" * 500] * 40, 1000), drawn(40, 2), 0.1) != batch(["ab" * 500] * 40, 1000)
    assert swapped.float().mean().item() == pytest.approx(0.1, abs=0.01)


def test_only_ascii_letters_change_their_case():
    all_ascii = "".join(map(chr, range(1, 128))) + "äß"
    text = batch([all_ascii], 140)
    small = words_of(letter_case(text, torch.tensor([[0.0, 0.0]]), 1))
    large = words_of(letter_case(text, torch.tensor([[0.0, 0.9]]), 1))
    assert small == [all_ascii[:-2].lower() + "äß"]
    assert large == [all_ascii[:-2].upper() + "äß"]
    assert torch.equal(letter_case(text, torch.tensor([[0.6, 0.9]]), 0.5), text)
