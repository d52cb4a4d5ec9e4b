"""Folders of examples: what is where, without opening any example."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from plusx.data.assemble import SPLIT_NAMES, Row, assemble
from plusx.data.modalities import MODALITIES, commonest, endings, may_be, modality_of
from plusx.data.series import FOLDER, series_in
from plusx.data.sources import DataSet, natural
from plusx.errors import WrongUse


def read_folder(root: Path, modality: str = "auto") -> DataSet:
    """Class subfolders, or train/, val/ (valid/, validation/) and test/ above them.

    Files nested deeper in a class folder count for that class; there, the DICOM files of a folder are one example. A
    folder that several links lead to is read once a split, under its own name where it has one there. Examples are the
    files of one modality, by their endings: the one that most files have. Hidden files and files of other kinds are
    passed over. A class folder without any examples is no class, which a note says.

    Raises:
        WrongUse: there are no examples, no class folders, or fewer than two classes; or the layout is mixed.
    """
    found = [_Found.within(folder, split) for split, folder in _split_folders(root).items()]
    files = [file for part in found for file in part.files()]
    if modality == "auto" and not files:
        kinds = ", ".join(endings(name) for name, one in MODALITIES.items() if one.extensions)
        raise WrongUse(f"{root}: no file that could be an example; put those of each class into a folder: {kinds}")
    kind = commonest(files) if modality == "auto" else modality
    notes: list[str] = []
    rows = [row for part in found for row in part.rows(kind, notes)]
    return assemble(rows, str(root), notes, modality=kind)


@dataclass
class _Found:
    """The files of a split's folder that are of any modality: those of each class, and those outside."""

    folder: Path
    split: str
    classes: dict[Path, list[str]] = field(default_factory=dict)
    loose: list[str] = field(default_factory=list)

    @classmethod
    def within(cls, folder: Path, split: str) -> "_Found":
        seen = {_identity(folder)}
        with os.scandir(folder) as entries:
            loose = [entry.path for entry in entries if _is_example(entry)]
        return cls(folder, split, {each: list(_examples(each, seen)) for each in _visible_folders(folder)}, loose)

    def files(self) -> Iterator[str]:
        yield from self.loose
        for files in self.classes.values():
            yield from files

    def rows(self, kind: str, notes: list[str]) -> list[Row]:
        """Those of one modality, by class; notes say what was left out.

        Raises:
            WrongUse: there is none in a class folder.
        """
        many = MODALITIES[kind].many
        loose = sum(may_be(file, kind) for file in self.loose)
        rows: list[Row] = []
        for folder, files in self.classes.items():
            own = [file for file in files if may_be(file, kind)]
            if not own:
                notes.append(f"{folder}: no {many} in it; left out")
            rows += [Row(self.split, file, (folder.name,)) for file in own]
        if not rows:
            found = f"{loose} {many} but no class folders" if loose else f"no {endings(kind)}"
            raise WrongUse(f"{self.folder}: {found}; put the {many} of each class into a folder with its name")
        if loose:
            notes.append(f"{self.folder}: {loose} {many} outside the class folders; left out")
        return rows


def _split_folders(root: Path) -> dict[str, Path]:
    """Each split's folder; the root itself where there are none."""
    folders = {path.name: path for path in _visible_folders(root)}
    named = {name: path for name, path in folders.items() if name.lower() in SPLIT_NAMES}
    if not named:
        return {"train": root}
    others = [name for name in folders if name not in named]
    if others and not any(_visible_folders(path) for path in named.values()) and len(named) == 1:
        return {"train": root}  # a class may be called test or train
    if others:
        raise WrongUse(
            f"{root}: {', '.join(named)} beside {', '.join(others[:3])}: are these splits or classes? "
            "move the others into train/, or elsewhere"
        )
    splits: dict[str, Path] = {}
    for name, path in named.items():
        split = SPLIT_NAMES[name.lower()]
        if split in splits:
            raise WrongUse(f"{root}: {splits[split].name} and {name} are the same split; keep one")
        splits[split] = path
    return splits


def _examples(folder: Path, seen: set[tuple[int, int]], inner: bool = False) -> Iterator[str]:
    identity = _identity(folder)
    if identity in seen:
        return
    seen.add(identity)
    # A class's own folder is no example: whatever lies in it is one each.
    slices = {os.path.abspath(path) for path in series_in(folder)} if inner else set()
    if slices:
        yield os.path.abspath(folder) + FOLDER
    with os.scandir(folder) as entries:
        files = [os.path.abspath(entry.path) for entry in entries if _is_example(entry)]
    yield from (file for file in files if file not in slices)
    for each in _visible_folders(folder):
        yield from _examples(each, seen, inner=True)


def _visible_folders(folder: Path) -> list[Path]:
    """Real folders before links, so that a folder is met under its own name first."""
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    found.sort(key=lambda entry: (entry.is_symlink(), natural(entry.name), entry.name))
    return [Path(entry.path) for entry in found]


def _is_example(entry: os.DirEntry[str]) -> bool:
    hidden = entry.name.startswith(".")
    return not hidden and modality_of(entry.name) is not None and entry.is_file()


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
