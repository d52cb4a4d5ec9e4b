"""Every kind of examples' model is narrowed, repaired and turned into int8, by a point's own file."""

import json
from pathlib import Path

import pytest
from examples import KINDS
from test_kinds import choices

import plusx
from plusx.api.shrink_points import digest
from plusx.archive import read_archive
from plusx.shrinking.speed import engines_of
from plusx.tasks import TASKS

STEPS = [
    {"step": "narrow", "share": 0.5, "examples": 32},
    {"step": "repair", "epochs": 1.0},
    {"step": "quantize", "examples": 16},
]


QUICK = ("pictures",)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in KINDS]
)
def test_it_is_made_smaller_and_still_answers(name: str, tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    (tmp_path / "examples").mkdir()
    data = KINDS[name].write(tmp_path / "examples")
    trained = plusx.train(data, out=tmp_path / "run", report=False, **choices(KINDS[name]))
    given = read_archive(trained.model)
    # Only where classes are scored does a model teach.
    taught = TASKS[KINDS[name].task].CLASSES and not TASKS[KINDS[name].task].WHOLE
    point = {
        "name": "02",
        "made": "",
        "score": 0.0,
        "size_bytes": 1,
        "speeds": {},
        "steps": STEPS,
        "of": digest(given),
        "teacher": "01" if taught else None,
    }
    (tmp_path / "point.json").write_text(json.dumps(point))
    done = plusx.shrink(trained.run, data, out=tmp_path / "out", from_point=tmp_path / "point.json")
    small = read_archive(done.model)
    assert small.manifest.precision == "int8"
    assert small.manifest.provenance["shrink"]["of"] == digest(given)
    assert sum(small.manifest.network["num_filters"]) < sum(_filters(given.manifest.network))
    main = TASKS[KINDS[name].task].JUDGED_BY[0]
    engines = engines_of(small)
    # The one that gave the golden outputs at least.
    assert "openvino" in engines
    for engine in engines:
        scores = plusx.load(done.model, engine=engine).evaluate(data)
        assert scores["split"] == "test"
        assert done.scores["chosen"]["test"][main] == pytest.approx(scores[main], abs=0.05)
    assert "Content-Security-Policy" in done.page.read_text(encoding="utf-8")


def _filters(network: dict) -> list[int]:
    filters = network["num_filters"]
    return filters if isinstance(filters, list) else [filters * 2**stage for stage in range(len(network["num_layers"]))]
