"""The studies of `plusx study`, run and kept for the docs: figures and drawings, and the page and section made of them.

    python benchmarks/studies.py [--only NAME ...] [--data digits] [--data-dir FOLDER] [--quick] [--write]
    python benchmarks/studies.py --pages

Kept are docs/studies/NAME-DATA[-quick].json, .png and .html. `--pages` runs nothing: it makes verdicts, drawings and
pages, docs/studies.md and the section in RESULTS.md anew from the kept rows, as `--write` does after the last study.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import plusx
from plusx.cli.progress import Lines
from plusx.understand.studies import STUDIES
from plusx.understand.studies.outcome import Outcome, as_json, as_png, page
from plusx.understand.studies.spread import RULE, VERDICTS
from plusx.understand.studies.study import Study
from results import setting, write_section

DOCS = Path(__file__).parents[1] / "docs"
KEPT, PAGE = DOCS / "studies", DOCS / "studies.md"
HEADING = "Studies: the papers' claims as experiments"
INTRO = f"""# Studies: what the papers claimed, and what runs here show

    plusx study NAME [--data digits] [--data-dir FOLDER] [--quick] [--seeds 3] [--out studies/NAME]

A study trains small networks of the papers' form, several seeds each, and tests the papers' claims by the numbers. It
writes `study.html`, a page with what was claimed, what the run showed and where they differ; `study.png`, its drawing;
and `study.json`, its figures. Whether a claim was shown is decided by code, not by wish:

> {RULE}

| from settings to page | what happens                                                                         |
|-----------------------|--------------------------------------------------------------------------------------|
| settings              | networks, epochs, seeds, pictures: a frozen model; `--quick` takes the smaller ones   |
| pictures              | the first so many of a fixed random order, shrunk to the settings' size               |
| training              | the house's own steps by the recipe `paper2015`, shortened, without changed pictures  |
| rows                  | plain numbers, the same again for the same settings: they are `study.json`            |
| findings              | each claim as a comparison of rows, seed by seed                                      |

In Python: `plusx.study("lesion", data="digits", quick=True, changes={{"epochs": 30}}, out="studies/lesion")`.

What was not measured: CIFAR-10 and ImageNet, on which the papers' numbers are; with `--data cifar10 --data-dir FOLDER`
they can be. Networks, pictures and trainings here are smaller than the papers', so a claim that was not shown here is
not thereby refuted. Parts of the numbers below are of the 359 test digits, where one more mistake is 0.28 %.

All of this page is made by `python benchmarks/studies.py --pages` from the files in `docs/studies/`.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(STUDIES), choices=list(STUDIES))
    parser.add_argument("--data", default="digits")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--pages", action="store_true")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    if not given.pages:
        for name in given.only:
            run(name, given.data, given.data_dir, quick=given.quick, write=given.write)
    if given.pages or given.write:
        refresh()
        PAGE.write_text(made(), encoding="utf-8")
        write_section(HEADING, section())


def run(name: str, data: str, data_dir: Path | None, *, quick: bool, write: bool) -> None:
    """Runs one study, says what came of it, and keeps it where that is asked for."""
    done = plusx.study(name, data=data, data_dir=data_dir, quick=quick, watcher=Lines())
    for finding in done.findings:
        print(f"{name}: {VERDICTS[finding.status]}: {finding.claim} {finding.numbers}", flush=True)
    print(f"{name}: {done.duration_s:.0f} s", flush=True)
    if write:
        KEPT.mkdir(exist_ok=True)
        kept = KEPT / f"{name}-{data}{'-quick' * quick}.json"
        kept.write_text(as_json({"setting": setting(), **done.summary()}))


def refresh() -> None:
    """Judges and draws the kept rows anew, as the studies now do."""
    for name, study in STUDIES.items():
        for path, figures in runs_of(name):
            figures["findings"] = [finding._asdict() for finding in study.findings(figures["rows"])]
            path.with_suffix(".json").write_text(as_json(figures))
            path.with_suffix(".png").write_bytes(as_png(study, figures["rows"]))
            page(_outcome(study, figures)).write(path.with_suffix(".html"))


def _outcome(study: Study[Any], figures: dict[str, Any]) -> Outcome:
    channels, height, width = figures["shape"]
    return Outcome(
        study=study,
        settings=type(study.quick).model_validate(figures["settings"]),
        data=figures["data"],
        counts=(figures["train"], figures["test"]),
        shape=(channels, height, width),
        rows=figures["rows"],
        duration_s=figures["duration_s"],
        command=figures["command"],
    )


def runs_of(name: str) -> list[tuple[Path, dict[str, Any]]]:
    """The kept runs of a study, whole forms first, with their files' path without an ending."""
    files = sorted(KEPT.glob(f"{name}-*.json"), key=lambda file: ("-quick" in file.stem, file.stem))
    return [(file.with_suffix(""), json.loads(file.read_text())) for file in files]


def made() -> str:
    """docs/studies.md from what is kept."""
    parts = [INTRO]
    for name, study in STUDIES.items():
        if not (runs := runs_of(name)):
            continue
        parts.append(f"## {study.name}\n\n**{study.question}**\n\n{study.claim} ({study.source})\n")
        for path, figures in runs:
            parts.append(_run(path, figures, study.answer))
        parts.append(f"What differs from the papers: {study.limits}\n")
    return "\n".join(parts)


def _run(path: Path, figures: dict[str, Any], answer: Any) -> str:
    picture = f"studies/{path.name}.png"
    lines = [
        f"### {path.name}\n",
        f"    {figures['command']}\n",
        f"![{figures['study']} on {figures['data']}]({picture})\n",
    ]
    if answer is not None:
        lines += [f"{text}\n" for text in answer(figures["rows"])]
    lines += ["| claim | this run | numbers |", "|---|---|---|"]
    lines += [
        f"| {finding['claim']} | {VERDICTS[finding['status']].split(':')[0].lower()} | {finding['numbers']} |"
        for finding in figures["findings"]
    ]
    settings = figures["settings"]
    lines.append(
        f"\n{figures['train']:,} pictures of {figures['shape'][1]}x{figures['shape'][2]} to train on, "
        f"{figures['test']:,} to test on, {len(settings['seeds'])} seeds, {settings['epochs']:g} epochs, width "
        f"{settings['width']}; {figures['duration_s']:,.0f} s. Its page: "
        f"[{path.name}.html](studies/{path.name}.html); all figures: "
        f"[{path.name}.json](studies/{path.name}.json).\n"
    )
    return "\n".join(lines)


def section() -> str:
    """The section of RESULTS.md: each kept run's time and verdicts."""
    lines = [
        "`python benchmarks/studies.py [--data mnist --data-dir FOLDER] [--quick] --write`; one thread of one core. "
        "The figures are in docs/studies/.\n",
        "| study | data | form | seconds | " + " | ".join(VERDICTS) + " | measured |",
        "|---|---|---|---|" + "---|" * len(VERDICTS) + "---|",
    ]
    for name in STUDIES:
        for path, figures in runs_of(name):
            counts = [sum(finding["status"] == status for finding in figures["findings"]) for status in VERDICTS]
            form = "quick" if path.name.endswith("-quick") else "whole"
            cells = [
                name,
                figures["data"],
                form,
                f"{figures['duration_s']:,.0f}",
                *map(str, counts),
                figures["setting"],
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
