"""A report: all its sections in one page."""

from __future__ import annotations

from plusx.page import Block, Note, Page, Section, Table
from plusx.reporting.about import about_sections
from plusx.reporting.course import course_section
from plusx.reporting.figures import figures_section, own_sections
from plusx.reporting.gallery import gallery_sections
from plusx.reporting.subject import Subject
from plusx.reporting.verdict import verdict

SKIPPED_SHOWN = 20


def report(subject: Subject) -> Page:
    """The page about a model and the examples that it was asked about: the verdict, how it learned, what it takes for
    what, its figures, its worst mistakes, its cost, and how it was made."""
    sections = [
        *_cautions(subject),
        *own_sections(subject),
        *gallery_sections(subject),
        *course_section(subject.course),
        figures_section(subject),
        *about_sections(subject),
    ]
    return Page(f"{subject.data}: {subject.task.name}", verdict(subject), sections)


def _cautions(subject: Subject) -> list[Section]:
    blocks: list[Block] = []
    card = subject.archive.manifest.card
    if card is not None:
        blocks.append(Note(str(card), "warn"))
    skipped = subject.prepared.skipped
    if skipped:
        blocks.append(Note(f"{len(skipped):,} {subject.many} of this split could not be used.", "warn"))
        blocks.append(Table(("which", "why"), [(one.name, one.reason) for one in skipped[:SKIPPED_SHOWN]]))
    return [Section("Before you rely on it", blocks)] if blocks else []
