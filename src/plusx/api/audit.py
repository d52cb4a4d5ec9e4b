"""`plusx.audit`: what is wrong with a set of examples, on one page and in one list."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from plusx.api.answered import answer_all, why_not
from plusx.api.audit_page import audit_page
from plusx.api.suspects import doubt, suspects
from plusx.data.audit.examine import Examined, examine
from plusx.data.audit.findings import KINDS, Finding, counts, place_of, write_findings
from plusx.data.samples import DataSet, read_dataset
from plusx.errors import PlusxError
from plusx.training.watch import Silent, Watcher

PAGE, LIST = "audit.html", "findings.csv"


@dataclass(frozen=True)
class Audited:
    """What an audit found.

    Args:
        out: the folder with `audit.html` and `findings.csv`.
        examples: how many were looked at.
        findings: all, the gravest kinds first.
        duration_s: of the whole audit.
        notes: what was not looked at, a line each.
    """

    out: Path
    examples: int
    findings: Sequence[Finding]
    duration_s: float
    notes: tuple[str, ...] = ()

    @property
    def page(self) -> Path:
        """The page for people."""
        return self.out / PAGE

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each kind that there are."""
        return counts(self.findings)

    @property
    def grave(self) -> dict[str, int]:
        """Those of `counts` that make scores untrue: (nearly) the same in two splits or under two labels."""
        return {kind: count for kind, count in self.counts.items() if KINDS[kind].grave}

    def summary(self) -> dict[str, Any]:
        """All of it but the single findings, as JSON."""
        return {
            "out": str(self.out),
            "page": str(self.page),
            "list": str(self.out / LIST),
            "examples": self.examples,
            "findings": self.counts,
            "grave": sum(self.grave.values()),
            "duration_s": round(self.duration_s, 3),
            "notes": list(self.notes),
        }


def audit(
    data: str | Path | DataSet,
    *,
    out: str | Path | None = None,
    data_dir: str | Path | None = None,
    modality: str = "auto",
    labels: bool = True,
    budget_s: float = 60.0,
    cache: bool = True,
    watcher: Watcher | None = None,
) -> Audited:
    """Looks for what is wrong with a set: unreadable files, copies and near copies, leaks between splits,
    contradicting and probably wrong labels, odd examples, unbalanced classes. The set is not changed.

    Args:
        data: a folder, CSV or Parquet file, shards, or a known name.
        out: a folder for the page and the list; by default a new one under `runs/`.
        data_dir: where a known set's files are.
        modality: which of several kinds of files to read; `auto`: the one that most files have.
        labels: look for wrong labels, too, by quick trainings.
        budget_s: seconds that these may take.
        cache: keep decoded examples for the trainings, and for later ones.
        watcher: is told of the progress.

    Raises:
        WrongUse: there is no such set.
        PlusxError: the folder cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     audited = audit("digits", out=folder, labels=False)
    ...     audited.examples, sorted(path.name for path in audited.out.iterdir())
    (1797, ['audit.html', 'findings.csv'])
    """
    began, watcher = time.monotonic(), watcher or Silent()
    where = None if data_dir is None else Path(data_dir)
    dataset = read_dataset(data, data_dir=where, modality=modality)
    folder = _folder(dataset, out)
    examined = examine(dataset, on_progress=lambda done, total: watcher.preparing("all examples", done, total))
    notes = [] if labels else ["labels were not checked: --no-labels"]
    if labels and (reason := why_not(dataset) or _no_place(data)):
        notes.append(reason)
    elif labels and not isinstance(data, DataSet):
        choices = {"data_dir": where, "modality": modality, "cache": cache}
        answered = answer_all(dataset, data, budget_s, choices, watcher)
        if reason := doubt(examined, answered):
            notes.append(reason)
        else:
            examined.found.extend(suspects(examined, answered))
            examined.found.sort(key=lambda one: place_of(one.finding))
    for note in notes:
        watcher.note(note)
    audited = Audited(
        folder, len(examined.whole), [one.finding for one in examined.found], time.monotonic() - began, tuple(notes)
    )
    _write(audited, examined, dataset)
    return audited


def _no_place(data: str | Path | DataSet) -> str | None:
    return "labels were not checked: the examples are in memory" if isinstance(data, DataSet) else None


def _folder(dataset: DataSet, out: str | Path | None) -> Path:
    name = Path(dataset.origin).stem.replace(":", "-")
    folder = Path("runs") / f"{name}-audit-{datetime.now():%Y%m%d-%H%M%S}" if out is None else Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlusxError(f"--out {folder}: no such folder can be made ({error.strerror}); name another") from error
    return folder


def _write(audited: Audited, examined: Examined, dataset: DataSet) -> None:
    try:
        write_findings(audited.findings, audited.out / LIST)
    except OSError as error:
        raise PlusxError(f"{audited.out / LIST}: it cannot be written ({error.strerror})") from error
    audit_page(examined, dataset, audited.notes).write(audited.page)
