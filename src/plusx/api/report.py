"""`plusx.report`: a run's page again, or several runs' beside one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from plusx.api.examples import Parted, read_examples
from plusx.api.model import load
from plusx.api.plan import Plan
from plusx.data.cache import Prepared, default_cache_dir, prepare_samples
from plusx.data.modalities import spec_from_json
from plusx.engines.torch import TorchEngine
from plusx.errors import PlusxError, WrongUse
from plusx.evaluate.scores import judge
from plusx.reporting.compare import compared
from plusx.reporting.document import report as page_of
from plusx.reporting.subject import Subject
from plusx.training.run import RunFolder
from plusx.training.watch import Silent

COMPARED = "compare.html"


def report(runs: str | Path | Sequence[str | Path], *, out: str | Path | None = None, split: str = "") -> Path:
    """Writes a run's page again, or a page that compares runs, and gives its path.

    Args:
        runs: folders that trainings made. Several must have been trained on the same set: they answer the same
            examples.
        out: the page; by default the run's `report.html`, or `compare.html` here.
        split: `train`, `val` or `test`; by default test, else val.

    Raises:
        WrongUse: a folder holds no run, there is no such split, or runs of other tasks or classes.
        PlusxError: the set has changed since, or cannot be read; the page cannot be written.

    >>> import tempfile
    >>> from plusx import train
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = train("digits", out=folder, changes={"epochs": "2"}).run
    ...     report(run).name
    'report.html'
    """
    folders = [Path(one) for one in ([runs] if isinstance(runs, str | Path) else runs)]
    if not folders:
        raise WrongUse("report: no run; give one run's folder, or several to compare them")
    subjects = [subject_of(folder, split) for folder in folders]
    if len(folders) == 1:
        path = Path(out) if out is not None else RunFolder(folders[0]).report
        page_of(subjects[0]).write(path)
        return path
    path = Path(out) if out is not None else Path(COMPARED)
    compared(subjects, _names(folders)).write(path)
    return path


def subject_of(folder: Path, split: str = "") -> Subject:
    """A finished run, asked about its own examples of a split.

    Raises:
        WrongUse: there is no run, or no such split.
        PlusxError: the set is not what the run was trained on.
    """
    run = RunFolder(folder)
    if not run.begun():
        raise WrongUse(f"report: {folder} holds no run; give the folder that plusx train made")
    if not run.model.exists():
        raise WrongUse(f"report: the run in {folder} is not finished; go on with --resume")
    about = run.read_about()
    archive = load(run.model).archive
    parted = _examples(folder, about)
    split = split or ("test" if parted.dataset.test is not None else "val")
    prepared = _prepared(parted, split, archive.manifest.preprocessing)
    engine = TorchEngine(archive)
    judged = judge(archive, engine, prepared)
    told = Subject(archive, engine, prepared, split, *judged, parted.dataset.origin)
    return replace(told, course=run.read_metrics(), command=about.get("command", ()))


def _examples(folder: Path, about: dict[str, Any]) -> Parted:
    names = set(Plan.__dataclass_fields__)
    plan = Plan(**{name: value for name, value in about["plan"].items() if name in names})
    parted = read_examples(plan, Silent())
    if parted.fingerprint != about["data"]:
        raise PlusxError(f"report: {plan.data} has changed since the run in {folder}; evaluate the model on it instead")
    return parted


def _prepared(parted: Parted, split: str, preprocessing: dict[str, Any]) -> Prepared:
    samples = parted.dataset.split(split)
    return prepare_samples(samples, spec_from_json(preprocessing), cache=default_cache_dir())


def _names(folders: Sequence[Path]) -> list[str]:
    """The folders' names, or their paths where two have the same."""
    names = [folder.resolve().name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]
