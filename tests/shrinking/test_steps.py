"""Steps as they are stored and as they are said."""

import json

import pytest
from pydantic import ValidationError

from plusx.shrinking.steps import Narrow, Quantize, Repair, Steps, in_words, steps_from_json

STEPS: Steps = (
    Narrow(share=0.125),
    Repair(epochs=2, taught=True),
    Repair(epochs=0.5, taught=False, aware=True, rate=0.1),
    Quantize(),
    Quantize(max_drop=0.01, corrected=False),
)


def test_steps_come_back_from_their_json() -> None:
    stored = json.dumps([step.model_dump(mode="json") for step in STEPS])
    assert steps_from_json(json.loads(stored)) == STEPS


def test_what_was_stored_before_there_was_more_to_say_means_the_same() -> None:
    old = [
        {"step": "repair", "epochs": 2.0, "precision": "bfloat16", "taught": True, "seed": 0},
        {"step": "quantize", "examples": 300, "max_drop": None},
    ]
    assert steps_from_json(old) == (Repair(epochs=2, precision="bfloat16"), Quantize())


def test_a_step_says_how() -> None:
    assert in_words(STEPS[1:3]) == "repaired for 2 epochs with a teacher, repaired for 0.5 epochs as int8"
    assert in_words(STEPS[4:]) == "int8 but for what costs more than 0.01 with its own biases"


@pytest.mark.parametrize("rate", [0, 1.5])
def test_a_rate_is_a_share(rate: float) -> None:
    with pytest.raises(ValidationError):
        Repair(epochs=1, rate=rate)
