"""The faster precision is read off the processor, and named in the run's recipe."""

import pytest
import torch

from plusx.api.plan import make_plan
from plusx.api.resolve import resolve
from plusx.data.samples import read_dataset
from plusx.training.precision import faster_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True}, "bfloat16"),
        ({"bf16": True}, "bfloat16"),
        ({"avx512_bf16": False, "avx2": True}, "float32"),
        ({}, "float32"),
    ],
)
def test_bfloat16_where_it_is_multiplied_in_hardware(
    capabilities: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert faster_precision(CPU) == precision


@pytest.mark.parametrize("native", [True, False])
def test_a_resolved_recipe_names_its_precision(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": native})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    train = read_dataset("digits").split("train")
    recipe = resolve(make_plan({"data": "digits", "changes": {"precision": "auto"}}), train)
    assert recipe.precision == ("bfloat16" if native else "float32")
    assert "cpu" in recipe.reasons["precision"]
    assert resolve(make_plan({"data": "digits"}), train).precision == "float32"
