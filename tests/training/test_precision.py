"""The faster precision is read off the processor, and named in the run's recipe."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from plusx.api.plan import make_plan
from plusx.api.resolve import resolve
from plusx.data.samples import read_dataset
from plusx.errors import WrongUse
from plusx.training.precision import faster_precision, wrong_in_bfloat16

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


DILATED = {"model_options.dilations": "[2, 2, 2]", "model_options.num_filters": "24"}


def test_what_is_wrong_in_bfloat16_is_trained_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    train = read_dataset("digits").split("train")
    recipe = resolve(make_plan({"data": "digits", "changes": {"precision": "auto", **DILATED}}), train)
    assert recipe.precision == "float32"
    assert "convolutions are wrong" in recipe.reasons["precision"]
    with pytest.raises(WrongUse, match=r"--set precision=bfloat16: .* are wrong in bfloat16; leave it out"):
        resolve(make_plan({"data": "digits", "changes": {"precision": "bfloat16", **DILATED}}), train)
    whole = {**DILATED, "model_options.num_filters": "32", "precision": "auto"}
    assert resolve(make_plan({"data": "digits", "changes": whole}), train).precision == "bfloat16"


@pytest.mark.skipif(faster_precision(CPU) != "bfloat16", reason="bfloat16 is emulated here")
@pytest.mark.parametrize("channels", [16, 32, 48])
def test_what_counts_as_right_in_bfloat16_is(channels: int) -> None:
    conv = nn.Conv2d(channels, 45, 3, padding=4, dilation=4).to(memory_format=torch.channels_last)
    assert not wrong_in_bfloat16(deepcopy(conv).to("meta"), (channels, 20, 30), CPU)
    x = torch.randn(4, channels, 20, 30).to(memory_format=torch.channels_last)
    gradients = []
    for enabled in (False, True):
        conv.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            conv(x).float().square().mean().backward()
        assert conv.weight.grad is not None
        gradients.append(conv.weight.grad.clone())
    exact, rough = gradients
    assert (rough - exact).abs().max() < 0.02 * exact.abs().max()


@pytest.mark.parametrize("native", [True, False])
def test_a_resolved_recipe_names_its_precision(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": native})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    train = read_dataset("digits").split("train")
    recipe = resolve(make_plan({"data": "digits", "changes": {"precision": "auto"}}), train)
    assert recipe.precision == ("bfloat16" if native else "float32")
    assert "cpu" in recipe.reasons["precision"]
    assert resolve(make_plan({"data": "digits"}), train).precision == "float32"
