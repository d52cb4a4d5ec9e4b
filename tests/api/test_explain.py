"""What holds for every kind of examples that is explained: heat, a picture, a page, and errors that fail no other."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browser import check_in_browser, needs_chromium
from examples import KINDS
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics.pairwise import cosine_similarity

import plusx
from plusx.api.explain import vector_engine
from plusx.api.model import Model
from plusx.api.train import Trained
from plusx.cli.main import main
from plusx.data.cache import prepare_samples
from plusx.data.modalities import spec_from_json
from plusx.data.samples import read_dataset
from plusx.engines import ENGINES
from plusx.engines.torch import build_network
from plusx.understand.gradcam import grad_cam, spread
from plusx.understand.methods import METHODS

PLACES = {
    "image": {"x", "y"},
    "sound": {"time_s", "hz"},
    "text": {"character", "word"},
    "volume": {"slice", "row", "column"},
    "signal": {"sample"},
}


@pytest.fixture(scope="module", params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def trained(name: str, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(name, tmp_path_factory.mktemp("runs"))


def train(name: str, folder: Path) -> Trained:
    kind = KINDS[name]
    changes = {"epochs": "1", "batch_size": "16", "precision": "float32", **kind.options}
    (folder / "data").mkdir()
    asked = {"task": "embed"} if kind.task == "embed" else {}
    return plusx.train(kind.write(folder / "data"), out=folder / "run", changes=changes, **asked)


def files(name: str, run: Path, folder: Path) -> list[Path]:
    """Two good ones, and three that are not."""
    ending = KINDS[name].ending
    if ending == ".txt":
        for place, words in enumerate(("abab cdcd", "klkl\nijéj gh")):
            (folder / f"{place}.txt").write_text(words, encoding="utf-8")
        good = [folder / "0.txt", folder / "1.txt"]
    else:
        data = run.parent / "data"
        good = [path for path in sorted(data.rglob(f"*{ending}")) if "masks" not in path.relative_to(data).parts][-2:]
    (folder / f"empty{ending}").write_bytes(b"")
    (folder / f"noise{ending}").write_bytes(b"\xff\x00\x81" * 9)
    bad = [folder / f"{word}{ending}" for word in ("empty", "noise", "missing")]
    return [good[0], *bad, good[1]]


def run_command(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(map(str, arguments)))
    return int(left.value.code or 0)


def test_the_command_writes_pictures_and_a_page(name: str, trained: Trained, tmp_path: Path, capsys) -> None:
    given, out = files(name, trained.run, tmp_path), tmp_path / "out"
    method = "hirescam" if KINDS[name].task in ("segment", "detect") else "gradcam"
    assert run_command("explain", trained.run, *given, "--out", out, "--max-errors", "3", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["page"] == str(out / "explain.html")
    rows = told["explanations"]
    assert [row["path"] for row in rows] == list(map(str, given))
    assert [row["error"] is None for row in rows] == [True, False, False, False, True]
    for row in rows:
        assert row["method"] == method
        if row["error"] is not None:
            assert "\n" not in row["error"]
            assert (row["label"], row["file"], row["place"]) == (None, None, None)
            continue
        with Image.open(row["file"]) as picture:
            assert picture.format == "PNG"
        assert row["place"] is None or set(row["place"]) <= PLACES[KINDS[name].modality]
        assert set(row) >= {"label", "probability", "score"}
    html = (out / "explain.html").read_text(encoding="utf-8")
    assert METHODS[method].proves_not.split(":")[0] in html
    assert all(row["error"] is None or row["error"].split(":")[0][:20] in html for row in rows)
    assert ("audio/wav" in html) == (KINDS[name].modality == "sound")


@needs_chromium
def test_the_page_is_sound_in_a_browser(name: str, trained: Trained, tmp_path: Path) -> None:
    trained.load().explain(files(name, trained.run, tmp_path), method="hirescam", out=tmp_path / "out")
    check_in_browser(tmp_path / "out" / "explain.html")


@pytest.mark.parametrize("method", METHODS)
def test_files_and_their_bytes_have_one_explanation(name: str, trained: Trained, method: str, tmp_path: Path) -> None:
    model = trained.load()
    file = files(name, trained.run, tmp_path)[0]
    first, again = model.explain([file, file.read_bytes()], method=method)
    assert first.row.keys() == again.row.keys()
    assert (first.row["path"], again.row["path"]) == (str(file), None)
    assert first.row["label"] == again.row["label"]
    assert first.row["score"] == pytest.approx(again.row["score"], abs=1e-4)
    assert first.heat is not None
    np.testing.assert_allclose(first.heat, again.heat, atol=1e-5)
    assert np.isfinite(first.heat).all()
    assert np.abs(first.heat).max() == pytest.approx(1) or (method == "gradcam" and not first.heat.any())
    if not METHODS[method].signed:
        assert first.heat.min() >= 0
    assert ("sum" in first.row) == (method == "integrated")


def test_the_examples_most_alike_are_those_of_the_largest_cosine(name: str, trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    model, data = trained.load(), KINDS[name].write(tmp_path / "data")
    (own,) = model.explain(files(name, trained.run, tmp_path)[0], nearest=data, out=tmp_path / "out")
    assert own.seen is not None
    spec = spec_from_json(model.archive.manifest.preprocessing)
    prepared = prepare_samples(read_dataset(data).split("train"), spec, cache=None)
    values = np.moveaxis(prepared.gather(np.arange(len(prepared))), -1, 1)
    engine = vector_engine(model.archive)
    alike = cosine_similarity(engine(np.moveaxis(own.seen.prepared[None], -1, 1)), engine(values))[0]
    found = own.row["nearest"]
    assert len(found) == 5
    assert [one["similarity"] for one in found] == pytest.approx(sorted(alike, reverse=True)[:5], abs=1e-5)
    assert [one["similarity"] for one in found] == pytest.approx([alike[one["index"]] for one in found], abs=1e-5)
    assert found[0]["path"].split("/")[-1] in (tmp_path / "out" / "explain.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train("pictures", tmp_path_factory.mktemp("classifier"))


def test_heat_is_the_methods_own(classifier: Trained, digit_folder: Path) -> None:
    model = classifier.load()
    pictures = sorted(digit_folder.glob("test/3/*.png"))[:9]
    found = model.explain(pictures, label="3", layer="stage1")
    network = build_network(model.archive).requires_grad_(False)
    raw = torch.stack([torch.from_numpy(np.asarray(Image.open(path)).copy())[None] for path in pictures])
    front, net = network.get_submodule("front"), network.get_submodule("net")
    expected = spread(grad_cam(net, front(raw), lambda outputs: outputs[:, 3], "stage1"), raw.shape[2:])
    for one, own, outputs in zip(found, expected.numpy(), network(raw).tolist(), strict=True):
        assert one.heat is not None
        np.testing.assert_allclose(one.heat, own / max(own.max(), 1e-12), atol=1e-4)
        assert (one.row["label"], one.row["score"]) == ("3", pytest.approx(outputs[3], abs=1e-4))


def test_labels_and_probabilities_are_predicts(classifier: Trained, digit_folder: Path) -> None:
    model = classifier.load()
    pictures = sorted(digit_folder.glob("test/*/*.png"))[:20]
    answers = model.predict(pictures)
    for one, answer in zip(plusx.explain(classifier.run, pictures), answers, strict=True):
        assert one.row["label"] == answer["label"]
        assert one.row["probability"] == pytest.approx(answer["probability"], abs=1e-5)


WRONG: dict[str, tuple[Sequence[str], int, str]] = {
    "method": (
        ["--method", "gradcm"],
        2,
        "--method gradcm: no such method; did you mean gradcam?; there are ",
    ),
    "layer": (["--layer", "stage9"], 2, "--layer stage9: no such layer; did you mean stage"),
    "no layer": (["--method", "occlusion", "--layer", "stem"], 2, "--layer stem: it is for gradcam and hirescam;"),
    "label": (["--label", "cat"], 2, "--label cat: no such label; there are 0, 1, 2, 3"),
    "set": (["--nearest", "nowhere"], 2, "nowhere: no such folder or file"),
    "text": (["--text", "words"], 2, "--text: this model's examples are images; give files"),
    "too many errors": ([], 1, "1 of 1 inputs could not be explained; --max-errors allows more"),
}


@pytest.mark.parametrize(("more", "code", "says"), WRONG.values(), ids=WRONG.keys())
def test_wrong_use_is_one_line(
    classifier: Trained, more: list[str], code: int, says: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command("explain", classifier.run, "none.png", *more) == code
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert says in last


def test_a_label_that_is_answered_nowhere_is_that_pictures_error(tmp_path: Path) -> None:
    model = train("masks", tmp_path).load()
    black = np.zeros((8, 8), np.uint8)
    rows: list[dict[str, Any]] = [one.row for one in model.explain([black, 255 - black], label="ink")]
    rows += [one.row for one in model.explain([black, 255 - black], label="paper")]
    for row in rows:
        assert (row["error"] is None) == (row["label"] is not None)
        # A network of one epoch may have answered anything.
        assert row["error"] is None or "no pixel is answered as" in row["error"]


def test_of_many_inputs_the_first_hundred_are_shown_and_nothing_is_kept(
    classifier: Trained, digit_folder: Path, tmp_path: Path
) -> None:
    pictures = sorted(digit_folder.glob("train/*/*.png"))[:103]
    found = plusx.explain(classifier.run, pictures, out=tmp_path / "out", keep=False)
    assert all(one.heat is None and one.seen is None for one in found)
    assert len({one.row["file"] for one in found}) == 103
    html = (tmp_path / "out" / "explain.html").read_text(encoding="utf-8")
    assert html.count("data:image/png") == 100
    assert "Of 103 explanations the first 100 are here" in html


@pytest.mark.parametrize(("shape", "places"), [((64,), (64, 1)), ((8, 8), (8, 8)), ((4, 4, 4), (4, 4))])
def test_arrays_are_explained(shape: tuple[int, ...], places: tuple[int, ...], tmp_path: Path) -> None:
    numbers, labels = load_digits(return_X_y=True)
    arrays = numbers[:200].reshape(-1, *shape)
    classifier = plusx.ResNetClassifier(epochs=1, num_filters=8, random_state=0).fit(arrays, labels[:200])
    archive = classifier.archive_
    model = Model(archive, ENGINES["torch"](archive))
    sizes = archive.manifest.preprocessing["sizes"]
    first = np.moveaxis(arrays[0].reshape(sizes), 0, -1)
    (found,) = model.explain(first, method="integrated", out=tmp_path)
    assert found.heat is not None
    assert found.heat.shape == places
    assert found.row["sum"] == pytest.approx(found.row["difference"], abs=0.1)
    assert len(found.row["place"]["index"]) == len(places)
    (bad,) = model.explain(np.zeros((3, 5)), out=tmp_path)
    assert bad.row["error"].startswith("the shape is (3, 5)")


def test_texts_are_given_as_they_are(tmp_path: Path, monkeypatch, capsys) -> None:
    run = train("texts", tmp_path).run
    monkeypatch.chdir(tmp_path)
    assert run_command("explain", run, "--text", "abab cdcd", "--text", " ", "--max-errors", "1", "--json") == 0
    first, second = json.loads(capsys.readouterr().out)["explanations"]
    assert (first["path"], first["error"]) == (None, None)
    assert (tmp_path / first["file"]).exists()
    assert second["error"] == "the text is empty; leave it out"
    assert run_command("explain", run) == 2
    assert "explain: no inputs; give files" in capsys.readouterr().err


def test_boxes_are_explained_by_the_finest_map_of_their_head(tmp_path: Path) -> None:
    run = train("boxes", tmp_path).run
    picture = np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8)
    usual, named = plusx.explain(run, picture), plusx.explain(run, picture, method="hirescam", layer="stage2")
    assert usual[0].row == named[0].row
    assert usual[0].heat is not None
    np.testing.assert_array_equal(usual[0].heat, named[0].heat)
    assert plusx.explain(run, picture, method="gradcam")[0].row["method"] == "gradcam"
