"""What is explained of an answer, by hand."""

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax

from plusx.tasks.asked import Asked
from plusx.tasks.classify import Classify
from plusx.tasks.detect import Detect
from plusx.tasks.embed import Embed
from plusx.tasks.multilabel import Multilabel
from plusx.tasks.regress import Regress
from plusx.tasks.segment import Segment
from plusx.tasks.transcribe import Transcribe

ABC = ["a", "b", "c"]


def test_a_class_is_its_logit() -> None:
    outputs = np.array([[1.0, 3.0, 2.0], [5.0, 0.0, 0.0]], np.float32)
    for task, likely in ((Classify(), softmax(outputs, axis=1)), (Multilabel(), expit(outputs))):
        asked = task.asked(outputs, ABC)
        assert [one.label for one in asked] == ["b", "a"]
        assert [one.probability for one in asked] == pytest.approx([likely[0, 1], likely[1, 0]])
        both = torch.from_numpy(outputs)
        assert task.explained(both, both, torch.tensor([1, 2])).tolist() == [3, 0]


def test_a_number_is_in_its_own_unit() -> None:
    task = Regress(mean=(10.0, 20.0), std=(2.0, 4.0))
    outputs = torch.tensor([[0.5, -1.0, 0.0, 0.0], [1.0, 2.0, 0.0, 0.0]])
    assert task.asked(outputs.numpy(), ["x", "y"]) == [Asked(0, "x", None)] * 2
    assert task.explained(outputs, outputs, torch.tensor([0, 1])).tolist() == [11, 28]
    answered = task.answers(outputs.numpy(), ["x", "y"])
    assert [answered[0]["value"][0], answered[1]["value"][1]] == [11, 28]


def test_a_mask_is_the_mean_over_its_pixels() -> None:
    outputs = np.zeros((1, 3, 2, 2), np.float32)
    outputs[0, 1, 0] = [4.0, 2.0]
    asked = Segment().asked(outputs, ABC)[0]
    likely = softmax(outputs, axis=1)[0, 1, 0]
    assert (asked.place, asked.label) == (1, "b")
    assert asked.probability == pytest.approx(likely.mean())
    unchanged = torch.from_numpy(outputs)
    # Of changed examples the same pixels count, whatever these are answered as.
    changed = unchanged.clone()
    changed[0, 1, 0] = torch.tensor([-1.0, -5.0])
    assert Segment().explained(unchanged, unchanged, torch.tensor([1])).tolist() == [3]
    assert Segment().explained(changed, unchanged, torch.tensor([1])).tolist() == [-3]
    assert Segment().asked(outputs, ABC, "c")[0].error == "no pixel is answered as c; ask for another label"
    assert Segment().asked(np.zeros((1, 3, 2, 2)), ABC)[0].label == "a"


def test_a_box_is_the_likeliest_of_its_class() -> None:
    outputs = np.zeros((1, 11, 3), np.float32)
    outputs[0, :3] = [[1, 2, 0], [0, 7, 5], [0, 0, 6]]
    assert Detect().asked(outputs, ABC)[0] == Asked(1, "b", pytest.approx(expit(7)))
    assert Detect().asked(outputs, ABC, "c")[0] == Asked(2, "c", pytest.approx(expit(6)))
    unchanged = torch.from_numpy(outputs)
    changed = unchanged.flip(2)
    assert Detect().explained(changed, unchanged, torch.tensor([2])).tolist() == [outputs[0, 2, 0]]
    assert Detect().explained(unchanged, unchanged, torch.tensor([2])).tolist() == [6]


def test_a_transcript_is_its_path_without_blanks() -> None:
    path = [0, 3, 1, 1]
    outputs = 2 * np.eye(4, dtype=np.float32)[None, :, path]
    asked = Transcribe().asked(outputs, ABC)[0]
    likely = softmax([2.0, 0, 0, 0])[0]
    assert asked == Asked(0, "ab", pytest.approx(likely**4))
    unchanged = torch.from_numpy(outputs)
    assert Transcribe().explained(unchanged, unchanged, torch.tensor([0])).tolist() == pytest.approx(
        [3 * np.log(likely)]
    )
    silent = torch.from_numpy(2 * np.eye(4, dtype=np.float32)[None, :, [3, 3]])
    assert Transcribe().explained(silent, silent, torch.tensor([0])).tolist() == pytest.approx([2 * np.log(likely)])


def test_a_vector_goes_in_the_direction_of_its_own() -> None:
    unchanged = torch.tensor([[3.0, 4.0]], requires_grad=True)
    number = Embed().explained(unchanged, unchanged, torch.tensor([0]))
    assert number.tolist() == pytest.approx([5])
    assert torch.autograd.grad(number.sum(), unchanged)[0].tolist() == [pytest.approx([0.6, 0.8])]
    assert Embed().explained(torch.tensor([[4.0, -3.0]]), unchanged, torch.tensor([0])).tolist() == pytest.approx([0])
