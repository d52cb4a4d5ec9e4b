"""A shrinking from a command to its end: stopped, gone on with, made again, refused."""

import json
from pathlib import Path

import pytest

import plusx
from plusx.api.shrink_means import Work
from plusx.api.shrink_points import digest
from plusx.archive import read_archive
from plusx.errors import PlusxError, WrongUse
from plusx.shrinking.points import Point
from plusx.shrinking.speed import Speed
from plusx.shrinking.steps import Narrow, Quantize, Repair, Steps
from plusx.training.watch import Silent

pytest.importorskip("nncf")


class Stop(Silent):
    """Presses Ctrl-C once so many points are there."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)
        if text.startswith(f"point {self.after:02d}"):
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def run(digit_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    changes = {"epochs": "12", "model": "resnet14", "model_options": '{"num_filters": 8}'}
    return plusx.train(digit_folder, out=tmp_path_factory.mktemp("runs") / "big", changes=changes, report=False).run


@pytest.fixture
def short_repairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Work, "repair_in", lambda self, archive, seconds, aware=False: Repair(epochs=1.0, aware=aware))


def names(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.glob("points/*/point.json"))


@pytest.mark.slow
@pytest.mark.usefixtures("short_repairs")
def test_a_stopped_search_keeps_its_best_and_goes_on(run: Path, digit_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    stop = Stop(after=2)
    first = plusx.shrink(run, digit_folder, out=out, watcher=stop, budget_s=3600)
    assert names(out) == ["00", "01", "02"]
    assert stop.lines[-1] == "interrupted: the best so far is kept; --resume goes on"
    assert first.model.read_bytes() == (out / "points" / first.chosen / "model.plusx").read_bytes()
    assert {"given", "chosen"} == first.scores.keys()
    # A block is measured before one goes.
    assert any(line.startswith("without stages.0.0 the score falls by") for line in stop.lines)

    more = plusx.shrink(run, digit_folder, out=out, watcher=Stop(after=4), budget_s=3600, resume=True)
    assert names(out) == ["00", "01", "02", "03", "04"]
    stored = json.loads((out / "shrink.json").read_text(encoding="utf-8"))
    assert [point["name"] for point in stored["points"]] == names(out)
    assert stored["chosen"] == more.chosen

    point = out / "points" / "03" / "point.json"
    again = plusx.shrink(run, digit_folder, out=tmp_path / "again", from_point=point)
    assert digest(read_archive(again.model)) == digest(read_archive(point.parent / "model.plusx"))
    assert read_archive(again.model).engines == read_archive(point.parent / "model.plusx").engines

    other = plusx.train(digit_folder, out=tmp_path / "other", changes={"epochs": "0.1"}, report=False).run
    with pytest.raises(WrongUse, match=r"--from-point .*: it was made of another model"):
        plusx.shrink(other, digit_folder, out=tmp_path / "no", from_point=point)
    with pytest.raises(WrongUse, match=r"--resume: .* shrinks another model; give a new folder"):
        plusx.shrink(other, digit_folder, out=out, resume=True)


@pytest.mark.slow
def test_a_point_that_was_repaired_as_int8_is_made_again(run: Path, digit_folder: Path, tmp_path: Path) -> None:
    steps: Steps = (Narrow(share=0.5), Repair(epochs=1, taught=False, aware=True, rate=0.1), Quantize())
    speeds = {"onnx": Speed(1.0, 1.0, 1)}
    of = digest(read_archive(run / "model.plusx"))
    stored = {**Point("09", "", 0.5, speeds, 1, steps).as_json(), "of": of, "teacher": None}
    path = tmp_path / "point.json"
    path.write_text(json.dumps(stored), encoding="utf-8")
    made = [plusx.shrink(run, digit_folder, out=tmp_path / name, from_point=path) for name in ("one", "two")]
    one, two = (read_archive(shrunk.model) for shrunk in made)
    assert one.engines == two.engines
    assert made[0].best.made == "narrowed to 50 % by taylor, repaired for 1 epochs as int8, int8"
    recipe = one.manifest.provenance["recipe"]
    assert recipe["fake_int8"] is True
    assert recipe["optimizer"]["lr"] == pytest.approx(0.01, rel=0.5)
    assert made[0].best.score > 0.5


def test_what_is_there_is_never_written_over(run: Path, digit_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(WrongUse, match=r"--out .*: something is there already"):
        plusx.shrink(run, digit_folder, out=tmp_path)
    with pytest.raises(WrongUse, match="--resume: name the folder of a shrinking with --out"):
        plusx.shrink(run, digit_folder, out=tmp_path, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_point_that_is_none_is_refused(run: Path, digit_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "point.json").write_text("{}")
    for name, why in (("point.json", "it is no point.json of a shrinking"), ("none.json", "it cannot be read")):
        with pytest.raises(PlusxError, match=f"--from-point .*{name}: {why}"):
            plusx.shrink(run, digit_folder, out=tmp_path / name.removesuffix(".json"), from_point=tmp_path / name)


def test_a_drop_below_zero_is_refused_before_any_work(run: Path, digit_folder: Path) -> None:
    with pytest.raises(WrongUse, match="--max-drop -1"):
        plusx.shrink(run, digit_folder, max_drop=-1)
