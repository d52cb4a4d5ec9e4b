"""A model in a server: one version of it answers, and a newer file takes its place once it has proved itself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from plusx.archive import Archive, read_archive
from plusx.archive.members import MODEL_FILE
from plusx.data.modalities import Spec
from plusx.engines import Engine
from plusx.engines.choose import find_engine
from plusx.engines.golden import check_description
from plusx.engines.threads import sharing
from plusx.errors import PlusxError
from plusx.predict.one import Answering
from plusx.serving.batcher import Batcher

Batching = Callable[[Engine], Batcher]
Limit = Callable[[Spec], Spec]
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Version:
    """One model file, read, checked and running.

    Args:
        number: 1 for the first file, and so on.
        archive: what is in it.
        batcher: runs it.
        answer: asks it about one input, in the thread of who asks.
        loaded_at: seconds since 1970.
    """

    number: int
    archive: Archive
    batcher: Batcher
    answer: Answering
    loaded_at: float = field(default_factory=time.time)


class Held:
    """A model by its name, and the version of it that answers.

    Args:
        name: by which requests ask for it.
        path: a `.plusx` file or a run's folder.
        engine: of `plusx.engines`, or `auto`.
        batching: makes an engine one for many threads.
        limit: makes of a model's preprocessing one that refuses more.
        say: is told what `auto` took.
        number: of the version that is there now.

    Raises:
        PlusxError: the model cannot be read, or does not answer as its training did.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        engine: str,
        batching: Batching,
        limit: Limit = lambda spec: spec,
        say: Say = lambda text: None,
        number: int = 1,
    ):
        self.name, self.path = name, path
        self._engine, self._batching, self._limit, self._say = engine, batching, limit, say
        self._seen = stamp(path)
        self.trouble: str | None = None
        """Why the file that is there now does not answer, where an older version goes on."""
        self.now = self._read(number)

    def changed(self) -> bool:
        """Whether another file is there than when this was last asked or read."""
        now = stamp(self.path)
        before, self._seen = self._seen, now
        return now is not None and now != before

    def renew(self) -> Version | None:
        """Reads the file that is there now, and lets it answer; gives the version before.

        Where it cannot, the version before goes on, `trouble` says why, and None is given.
        """
        try:
            new = self._read(self.now.number + 1)
        except PlusxError as error:
            self.trouble = str(error)
            return None
        except Exception as error:
            # A runtime raises whatever it likes; the version before must go on, and later files be looked at.
            self.trouble = f"{self.path}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
            return None
        self.trouble, before, self.now = None, self.now, new
        return before

    def _read(self, number: int) -> Version:
        archive = read_archive(self.path, weights=False)
        check_description(archive)
        with sharing():
            batcher = self._batching(find_engine(self._engine, archive, say=self._say))
        return Version(number, archive, batcher, Answering(archive, batcher, self._limit))


def stamp(path: Path) -> tuple[int, ...] | None:
    """What changes when a model's file, or that of a run's folder, is replaced; None while there is none."""
    try:
        status = os.stat(path / MODEL_FILE if path.is_dir() else path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
