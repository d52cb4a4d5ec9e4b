"""How many are let in: counted by many threads at once, and refused at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusx.serving.admission import Admission, Full


@given(st.integers(1, 8), st.integers(1, 16))
def test_no_more_than_are_allowed_are_inside(most: int, asking: int) -> None:
    admission = Admission(most)
    all_have_asked = Barrier(asking)

    def ask(_: int) -> bool:
        try:
            with admission:
                all_have_asked.wait()
                return True
        except Full:
            all_have_asked.wait()
            return False

    with ThreadPoolExecutor(asking) as pool:
        inside = sum(pool.map(ask, range(asking)))
    assert inside == min(most, asking)
    assert admission.inside == 0


def test_who_fails_inside_leaves_too() -> None:
    admission = Admission(1)
    with pytest.raises(ValueError, match="wrong"), admission:
        raise ValueError("wrong")
    assert not admission.full


def test_others_are_told_when_it_is_worth_to_ask_again() -> None:
    admission = Admission(100)
    assert admission.retry_after_s == 1
    for _ in range(200):
        admission.answered(10, 5.0)  # half a second each
    assert admission.retry_after_s in (50, 51)
    with pytest.raises(Full, match="ask again in 1 s") as error:
        Admission(0).__enter__()
    assert error.value.retry_after_s == 1
