"""A busy machine is said to be one."""

import os

import pytest

from plusx.data.cache import available_cores
from plusx.training.busy import busy_note


@pytest.mark.parametrize(("load", "threads", "said"), [(0.2, 2, False), (1.0, 2, True), (1.0, 1, False)])
def test_only_a_load_of_every_core_is_busy(load: float, threads: int, said: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (load * available_cores(), 0.0, 0.0))
    note = busy_note(threads)
    assert (note is not None) == said
    assert note is None or "OMP_NUM_THREADS=1" in note


def test_without_a_load_average_nothing_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(os, "getloadavg")
    assert busy_note(8) is None
