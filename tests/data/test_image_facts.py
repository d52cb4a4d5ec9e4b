import numpy as np
import pytest

from plusx.data.image_facts import survey_images
from plusx.data.sources import ArraySource, FileSource, Samples
from plusx.errors import PlusxError


def samples(pixels: np.ndarray) -> Samples:
    return Samples(ArraySource(pixels, "made"), np.zeros(len(pixels), np.int64), ("a", "b"))


def test_facts_are_those_of_the_pictures() -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (400, 32, 32, 3), dtype=np.uint8)
    pixels[..., 0] //= 2
    facts = survey_images(samples(pixels))
    assert (facts.count, facts.classes, facts.height, facts.width) == (400, 2, 32, 32)
    assert (facts.same_size, facts.channels) == (True, 3)
    np.testing.assert_allclose(facts.mean, pixels.mean((0, 1, 2)), atol=1)
    np.testing.assert_allclose(facts.std, pixels.std((0, 1, 2)), atol=1)


def test_grey_is_seen_and_flat_pictures_have_a_spread() -> None:
    facts = survey_images(samples(np.full((3, 5, 9), 7, np.uint8)))
    assert (facts.channels, facts.height, facts.width) == (1, 5, 9)
    assert (facts.mean, facts.std) == ((7.0,), (1.0,))


def test_nothing_readable_names_the_first(tmp_path) -> None:
    source = FileSource([tmp_path / "a.png", tmp_path / "b.png"])
    with pytest.raises(PlusxError, match=r"a\.png: there is no such file"):
        survey_images(Samples(source, np.zeros(2, np.int64), ("a", "b")))
