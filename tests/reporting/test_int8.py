"""The page of a model that is its graph alone: all but what needs gradients."""

from dataclasses import replace
from pathlib import Path

import plusx
from plusx.archive import read_archive, write_archive
from plusx.engines.graph import MEMBER, graph_of


def test_it_is_scored_and_described_without_maps(digit_folder: Path, tmp_path: Path) -> None:
    plusx.train(digit_folder, out=tmp_path / "run", changes={"epochs": "0.5"}, report=False)
    trained = read_archive(tmp_path / "run")
    # Not rounded: what is asked here is how a model without weights is met.
    manifest = trained.manifest.model_copy(update={"precision": "int8"})
    alone = replace(trained, manifest=manifest, weights={}, engines={MEMBER: graph_of(trained)})
    model = plusx.load(write_archive(alone, tmp_path / "int8.plusx"))
    assert model.engine.name in ("openvino", "onnx")
    scores = model.evaluate(digit_folder, report=tmp_path / "page.html")
    assert abs(scores["loss"] - plusx.load(tmp_path / "run").evaluate(digit_folder)["loss"]) < 1e-4
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "The worst mistakes" in page
    assert "Grad-CAM" not in page
