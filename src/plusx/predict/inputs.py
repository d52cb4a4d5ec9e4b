"""What a person names on the command line -> one path after another."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TextIO, TypeVar

from plusx.data.modalities import MODALITIES
from plusx.data.series import ENDING, FOLDER, series_in
from plusx.data.sources import natural
from plusx.errors import WrongUse
from plusx.predict.manifest import LISTS, open_manifest

AT_ONCE = 4096
MANY = 200
"""So many inputs are worth the seconds that it takes to find the fastest engine for them."""

Input = TypeVar("Input")


def many_of(named: Sequence[str], inputs: Iterable[Input]) -> tuple[bool, Iterator[Input]]:
    """Whether there are many inputs, and all of them again. A list on stdin counts as few: it may come slowly, and is
    not waited for.

    >>> many, inputs = many_of(["*.png"], iter("abc"))
    >>> many, list(inputs)
    (False, ['a', 'b', 'c'])
    """
    inputs = iter(inputs)
    if "-" in named:
        return False, inputs
    ahead = list(islice(inputs, MANY))
    return len(ahead) == MANY, chain(ahead, inputs)


def expand(inputs: Iterable[str], stdin: TextIO, modality: str = "image") -> Iterator[str]:
    """The files that `inputs` name, in their order: files as they are, folders' files of the modality (nested ones too)
    in natural order, folders of DICOM slices as one, globs, Parquet lists (`listed`), and `-` for a list of paths on
    `stdin`, one a line. A file that does not exist is given, too: its answer will be an error.

    Raises:
        WrongUse: a folder holds no such file, a glob fits nothing, or a list has no paths.

    >>> import io
    >>> list(expand(["-"], io.StringIO("a.png\\n\\nb.png\\n")))
    ['a.png', 'b.png']
    """
    for text in inputs:
        if text == "-":
            yield from (line.rstrip("\r\n") for line in stdin if line.strip())
        elif os.path.isdir(text):
            kind = MODALITIES[modality]
            endings = ", ".join(ending for ending in kind.extensions if ending != FOLDER)
            nothing = f"{text}: no {kind.one} is in this folder ({endings})"
            yield from _found(_examples(text, kind.extensions), nothing)
        elif not os.path.exists(text) and glob.has_magic(text):
            yield from _found(sorted(glob.iglob(text, recursive=True), key=natural), f"{text}: no file fits it")
        elif text.lower().endswith(LISTS) and os.path.isfile(text):
            yield from listed(text)
        else:
            yield text


def listed(path: str) -> Iterator[str]:
    """The paths in the column `path` of a Parquet file, as they are read: a few thousand are in memory at a time.

    Those that are not absolute are taken from the list's own folder on.

    Raises:
        WrongUse: it is no Parquet file, or has no such column.
    """
    manifest = open_manifest(path)
    for _, paths in manifest.parts(0, -(-manifest.rows // AT_ONCE), AT_ONCE):
        yield from (manifest.shown(each or "") for each in paths.to_pylist())


def _found(paths: Iterable[str], nothing: str) -> Iterator[str]:
    empty = True
    for path in paths:
        empty = False
        yield path
    if empty:
        raise WrongUse(nothing)


def _examples(folder: str, extensions: tuple[str, ...]) -> Iterator[str]:
    for where, folders, files in os.walk(folder):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=natural)
        slices = {os.path.basename(path) for path in series_in(where)} if ENDING in extensions else set()
        if slices:
            yield os.path.join(where, "")
            files = [name for name in files if name not in slices]
        for name in sorted(files, key=natural):
            if not name.startswith(".") and name.lower().endswith(extensions):
                yield os.path.join(where, name)
