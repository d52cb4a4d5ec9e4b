"""A process of its own that makes a graph with class-activation maps: `python -m plusx.serving.make_maps MODEL KEY`.

The graph goes to standard output and into the cache; why there is none, to standard error.
"""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

from plusx.archive import read_archive
from plusx.engines.graph import graph_of, key_of
from plusx.errors import PlusxError


def main(model: str, key: str) -> str | None:
    """Writes the graph; gives why it could not.

    Args:
        model: the model's file.
        key: what `key_of` gave for the archive that is meant.
    """
    try:
        archive = read_archive(Path(model), weights=False)
        if key_of(archive) != key:
            return f"{model}: another file has taken its place; ask again once that one answers"
        with redirect_stdout(sys.stderr):
            graph = graph_of(archive, maps=True)
    except PlusxError as error:
        return str(error)
    sys.stdout.buffer.write(graph)
    return None


if __name__ == "__main__":
    if hasattr(os, "nice"):
        # Nobody waits for it as those wait who only want answers.
        os.nice(10)
    sys.exit(main(*sys.argv[1:]))
