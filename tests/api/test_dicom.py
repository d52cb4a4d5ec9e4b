"""DICOM series from folders to a model and back, and nothing of the patients on the way."""

from pathlib import Path

import numpy as np
import pytest
from dicoms import PATIENT, series, write

import plusx
from plusx.api.train import Trained

ANY_OF_IT = (b"Secret", PATIENT.encode(), b"19700101")


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Volumes that are bright above or below, twenty of each, a folder a patient."""
    root, random = tmp_path_factory.mktemp("clinic"), np.random.default_rng(0)
    for label in ("above", "below"):
        for number in range(20):
            volume = random.normal(0, 100, (6, 8, 8))
            volume[: 3 if label == "below" else None][-3:] += 800
            write(root / label / f"p{number}", series(volume.astype(np.int16)))
    return root


@pytest.fixture(scope="module")
def trained(clinic: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    changes = {"epochs": "10", "model_options.num_filters": "8"}
    return plusx.train(clinic, out=tmp_path_factory.mktemp("runs") / "run", changes=changes)


def test_series_are_learned_and_answered(clinic: Path, trained: Trained) -> None:
    model = trained.load()
    assert model.evaluate(clinic)["accuracy"] > 0.9
    folders = [clinic / "above" / "p3", clinic / "below" / "p3"]
    assert [one["label"] for one in model.predict(folders)] == ["above", "below"]
    [bad] = model.predict([clinic / "above"])
    assert "a folder without DICOM files" in bad["error"]


def test_nothing_of_the_patients_is_in_the_run(clinic: Path, trained: Trained) -> None:
    (clinic / "above" / "p3" / "IM003.dcm").write_bytes(b"cut")
    [row] = trained.load().predict([clinic / "above" / "p3"])
    assert row["error"] is not None
    written = [path for path in trained.model.parent.rglob("*") if path.is_file()]
    assert len(written) > 3
    for content in (*(path.read_bytes() for path in written), row["error"].encode()):
        assert not any(secret in content for secret in ANY_OF_IT)
