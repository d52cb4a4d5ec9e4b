"""Joined tables give what their parts give, whatever is taken of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from plusx.data.joined import join_samples
from plusx.data.sources import ArraySource, Samples


def part(count: int, name: str, first: int) -> Samples:
    pixels = np.arange(first, first + count, dtype=np.uint8).reshape(-1, 1, 1)
    return Samples(ArraySource(pixels, name), np.arange(count) % 2, ("even", "odd"))


ONE, OTHER = part(3, "one", 0), part(4, "other", 100)
VALUES = [0, 1, 2, 100, 101, 102, 103]
NAMES = ["one/0", "one/1", "one/2", "other/0", "other/1", "other/2", "other/3"]


@given(st.lists(st.integers(0, 6), max_size=9), st.data())
def test_taking_is_as_from_a_list(first: list[int], data: st.DataObject) -> None:
    whole = join_samples([ONE, OTHER])
    second = data.draw(st.lists(st.sampled_from(range(len(first))), max_size=9)) if first else []
    taken = whole.take(np.array(first, np.int64)).take(np.array(second, np.int64))
    wanted = [first[place] for place in second]
    assert len(taken.source) == len(wanted)
    assert [int(np.asarray(taken.source.read(place)).item()) for place in range(len(wanted))] == [
        VALUES[place] for place in wanted
    ]
    assert [taken.source.name(place) for place in range(len(wanted))] == [NAMES[place] for place in wanted]
    assert taken.targets.tolist() == [[0, 1, 0, 0, 1, 0, 1][place] for place in wanted]


def test_the_fingerprint_is_of_the_examples_and_their_order() -> None:
    whole = join_samples([ONE, OTHER])
    same = join_samples([part(3, "one", 0), part(4, "other", 100)])
    assert whole.source.fingerprint() == same.source.fingerprint()
    others = [
        join_samples([OTHER, ONE]),
        join_samples([ONE, part(4, "other", 101)]),
        whole.take(np.array([0, 1, 2, 3, 4, 6, 5])),
        whole.take(np.arange(6)),
    ]
    assert len({samples.source.fingerprint() for samples in [whole, *others]}) == 5


def test_one_part_is_itself() -> None:
    assert join_samples([ONE]) is ONE
