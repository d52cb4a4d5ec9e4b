from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plusx.errors import PlusxError
from plusx.training.checkpoint import Checkpoint, checkpoint_paths, load_checkpoint, load_latest, save_checkpoint


def example(step: int) -> Checkpoint:
    return Checkpoint(step, {"a": torch.arange(6.0).reshape(2, 3) + step, "n": torch.tensor(step)}, {"seen": step})


def assert_same(one: Checkpoint, other: Checkpoint) -> None:
    assert (one.step, one.counters) == (other.step, other.counters)
    assert one.tensors.keys() == other.tensors.keys()
    assert all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)


def test_comes_back_as_it_was(tmp_path: Path) -> None:
    assert_same(load_checkpoint(save_checkpoint(tmp_path, example(7))), example(7))


def test_keeps_the_newest_two(tmp_path: Path) -> None:
    for step in (1, 2, 30, 4):
        save_checkpoint(tmp_path, example(step))
    assert [path.name for path in checkpoint_paths(tmp_path)] == ["step-0000000004", "step-0000000030"]


def test_a_step_is_written_again_in_place(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, example(3))
    assert_same(load_checkpoint(save_checkpoint(tmp_path, example(3))), example(3))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_one_is_passed_over_for_the_one_before(tmp_path: Path, data: st.DataObject) -> None:
    save_checkpoint(tmp_path, example(1))
    newest = save_checkpoint(tmp_path, example(2))
    file = newest / data.draw(st.sampled_from(["state.json", "state.safetensors", "sha256"]))
    content = bytearray(file.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(content)
    found, damaged = load_latest(tmp_path)
    assert found is not None
    assert_same(found, example(1))
    assert len(damaged) == 1
    assert "step-0000000002" in damaged[0]


def test_nothing_there_is_no_error(tmp_path: Path) -> None:
    assert load_latest(tmp_path / "none") == (None, [])


def test_a_half_written_one_is_not_taken_for_one(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, example(1))
    (tmp_path / "step-0000000009.partial").mkdir()
    found, damaged = load_latest(tmp_path)
    assert found is not None
    assert (found.step, damaged) == (1, [])


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(PlusxError, match="cannot be written"):
        save_checkpoint(tmp_path / "taken", example(1))


def test_a_full_disk_leaves_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, example(1))

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(PlusxError, match="No space left on device; the last one stays"):
        save_checkpoint(tmp_path, example(2))
    monkeypatch.undo()
    found, damaged = load_latest(tmp_path)
    assert found is not None
    assert_same(found, example(1))
    assert damaged == []
