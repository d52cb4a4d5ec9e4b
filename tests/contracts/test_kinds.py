"""What holds for pictures holds for every kind of examples: the whole way, from files to answers and back."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from browser import check_in_browser, needs_chromium
from examples import KINDS, Kind

import plusx
from plusx.api.train import Trained
from plusx.archive import read_archive
from plusx.data.modalities import MODALITIES
from plusx.data.samples import read_dataset
from plusx.engines.torch import build_network
from plusx.errors import WrongUse
from plusx.predict.manifest import open_manifest
from plusx.predict.one import Answering
from plusx.predict.worker import Order, Worker, packed
from plusx.predict.write import write_rows
from plusx.serving.batcher import Batcher
from plusx.tasks import TASKS, task_from_json
from plusx.training.watch import Silent, Step


class StopAt(Silent):
    """Presses Ctrl-C after the fifth step."""

    def stepped(self, step: Step) -> None:
        if step.step == 5:
            os.kill(os.getpid(), signal.SIGINT)


def choices(kind: Kind) -> dict[str, Any]:
    changes = {"epochs": "2", "batch_size": "16", "precision": "float32", **kind.options}
    return {"changes": changes, **({"task": "embed"} if kind.task == "embed" else {})}


def weights(model: Path) -> dict[str, bytes]:
    return {name: one.tobytes() for name, one in read_archive(model).weights.items()}


def test_every_modality_and_task_is_here() -> None:
    # Arrays have no files: they come from Python.
    assert {kind.modality for kind in KINDS.values()} == MODALITIES.keys() - {"array"}
    assert {kind.task for kind in KINDS.values()} == TASKS.keys()


@pytest.fixture(scope="module", params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def data(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return KINDS[name].write(tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="module")
def trained(name: str, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return plusx.train(data, out=tmp_path_factory.mktemp("runs") / "run", **choices(KINDS[name]))


def test_it_is_taken_for_what_it_is(name: str, data: Path) -> None:
    found = read_dataset(data).any_split()
    asked = "classify" if KINDS[name].task == "embed" else KINDS[name].task
    assert (found.modality, found.task) == (KINDS[name].modality, asked)


def test_a_stopped_training_ends_as_one_that_never_was(name: str, data: Path, trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        plusx.train(data, out=tmp_path / "run", watcher=StopAt(), **choices(KINDS[name]))
    resumed = plusx.train(data, out=tmp_path / "run", resume=True)
    assert weights(resumed.model) == weights(trained.model)
    assert resumed.test == trained.test


def test_the_stored_model_scores_as_the_training_said(name: str, data: Path, trained: Trained) -> None:
    assert trained.test is not None
    for cache in (True, False):
        scores = trained.load().evaluate(data, cache=cache)
        assert {key: scores[key] for key in trained.test} == trained.test


def test_pictures_are_scored_corrupted_and_others_refused(
    name: str, data: Path, trained: Trained, tmp_path: Path
) -> None:
    model = trained.load()
    if KINDS[name].modality != "image":
        with pytest.raises(WrongUse, match=r"--corruptions: they are for pictures, .*; leave it out"):
            model.evaluate(data, corruptions=True)
        return
    scores = model.evaluate(data, corruptions=True, limit=3, report=tmp_path / "page.html")
    assert scores["corruption_score"] == task_from_json(model.archive.manifest.task).JUDGED_BY[0]
    assert len(scores["corruptions"]) == 15
    assert "When pictures are corrupted" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_files_and_their_bytes_have_one_answer_and_bad_ones_an_error(
    name: str, data: Path, trained: Trained, tmp_path: Path
) -> None:
    model = trained.load()
    good = one_file(name, data, tmp_path)
    (tmp_path / f"empty{KINDS[name].ending}").write_bytes(b"")
    (tmp_path / f"noise{KINDS[name].ending}").write_bytes(b"\xff\x00\x81" * 9)
    bad = [tmp_path / f"{word}{KINDS[name].ending}" for word in ("empty", "noise", "missing")]
    answers = model.predict([good, *bad, good.read_bytes()])
    parts = task_from_json(model.archive.manifest.task).parts
    assert all(tuple(answer) == ("path", *parts, "error") for answer in answers)
    assert [answer["error"] is None for answer in answers] == [True, False, False, False, True]
    assert all("\n" not in answer["error"] for answer in answers[1:4])
    assert {**answers[0], "path": None} == answers[4]


def test_a_servers_threads_get_the_answers_of_python(name: str, data: Path, trained: Trained, tmp_path: Path) -> None:
    model = trained.load()
    sources = [one_file(name, data, tmp_path).read_bytes(), b"", b"\xff\x00\x81" * 9] * 4
    wanted = model.predict(sources)
    batches: list[int] = []
    batcher = Batcher(model.engine, most=4, wait_s=0.2, on_batch=lambda size, seconds: batches.append(size))
    answering = Answering(model.archive, batcher)
    with ThreadPoolExecutor(8) as pool:
        found = [one.row for one in pool.map(answering, sources)]
    batcher.close()
    # How large batches are changes how sums are ordered.
    assert_close([{**row, "path": None} for row in found], wanted)
    assert max(batches) > 1


def assert_close(found: Any, wanted: Any) -> None:
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key in wanted:
            assert_close(found[key], wanted[key])
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert_close(one, other)
    else:
        assert found == (pytest.approx(wanted, rel=1e-4, abs=1e-5) if isinstance(wanted, float) else wanted)


def test_a_clusters_worker_writes_the_rows_of_one_machine(
    name: str, data: Path, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    model = trained.load()
    good = str(one_file(name, data, tmp_path))
    paths = [good, str(tmp_path / f"missing{KINDS[name].ending}"), good]
    pq.write_table(pa.table({"path": paths}), tmp_path / "list.parquet")
    listed = open_manifest(str(tmp_path / "list.parquet"))
    task = model.archive.manifest.task
    order = Order(packed(model.archive, "torch"), task, "torch", listed, str(tmp_path), "parquet", 5, "none", None)
    assert Worker(order).answer(3, paths) == (3, 3, 1, None)
    write_rows(model.predict(paths), tmp_path / "alone.parquet", task_from_json(task).parts)
    assert pq.read_table(tmp_path / "part-00000003.parquet").equals(pq.read_table(tmp_path / "alone.parquet"))


def test_its_whole_graph_can_be_exported(name: str, trained: Trained) -> None:
    archive = read_archive(trained.model)
    network = build_network(archive)
    # Of one example alone a graph would be for one alone.
    inputs = torch.from_numpy(np.concatenate([archive.golden.inputs] * 4))
    program = torch.export.export(network, (inputs,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    with torch.no_grad():
        for some in (inputs, inputs[:3]):
            torch.testing.assert_close(program.module()(some), network(some), rtol=1e-4, atol=1e-4)


def test_a_changed_weight_is_noticed(name: str, trained: Trained) -> None:
    from plusx.engines.golden import check_golden
    from plusx.engines.torch import TorchEngine

    archive = read_archive(trained.model)
    first = next(key for key, one in archive.weights.items() if key.startswith("stem.") and one.ndim > 1)
    changed = {**archive.weights, first: np.zeros_like(archive.weights[first])}
    with pytest.raises(plusx.PlusxError, match="answers differ from the training"):
        check_golden(TorchEngine(replace(archive, weights=changed)), archive)


@needs_chromium
def test_its_page_reads_everywhere_and_is_written_again(name: str, trained: Trained, tmp_path: Path) -> None:
    page = trained.run / "report.html"
    check_in_browser(page)
    again = plusx.report(trained.run, out=tmp_path / "again.html").read_text(encoding="utf-8")
    before = page.read_text(encoding="utf-8")
    # All but the measured times.
    cut = before.index("What it costs</h2>")
    assert again[:cut] == before[:cut]


@pytest.mark.slow
def test_a_time_is_kept(name: str, data: Path, tmp_path: Path) -> None:
    done = plusx.train(data, out=tmp_path / "run", budget_s=6, **{**choices(KINDS[name]), "changes": {}})
    assert done.duration_s < 9


def one_file(name: str, data: Path, folder: Path) -> Path:
    if KINDS[name].modality != "text":
        root = data if data.is_dir() else data.parent
        return next(path for path in sorted(root.rglob(f"*{KINDS[name].ending}")) if "masks" not in path.parts)
    (folder / "good.txt").write_text("abab", encoding="utf-8")
    return folder / "good.txt"
