"""`plusx pack`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from plusx.cli.output import Json, print_json, say
from plusx.errors import WrongUse

UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}


def pack(
    data: Annotated[str, typer.Argument(help="As for train.")],
    out: Annotated[str, typer.Option(help="A new folder for the shards.")],
    data_dir: Annotated[Path | None, typer.Option(help="Where a known set's files are.")] = None,
    shard_size: Annotated[str, typer.Option(help="The largest size of a shard.")] = "256MB",
    json: Json = False,
) -> None:
    """Pack labelled pictures into tar shards, for large sets and for training from afar."""
    shard_bytes = _size(shard_size)

    from plusx.api.pack import pack as run_packing
    from plusx.cli.progress import watching

    with watching() as watcher:
        packed = run_packing(data, out, data_dir=data_dir, shard_bytes=shard_bytes, watcher=watcher)
    for split, count in packed.counts.items():
        say(f"{split + ':':<6} {count:,} pictures")
    if packed.skipped:
        say(f"{len(packed.skipped):,} pictures could not be used; {packed.path}/skipped.csv lists them")
    say(f"shards: {packed.path}, {packed.shards:,} of them, {packed.size_bytes / 1e6:,.1f} MB")
    if json:
        print_json(
            {
                "out": str(packed.path),
                "counts": packed.counts,
                "shards": packed.shards,
                "size_bytes": packed.size_bytes,
                "skipped": len(packed.skipped),
            }
        )


def _size(text: str) -> int:
    """Bytes of a size such as 256MB.

    >>> _size("1.5GB")
    1500000000
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(KB|MB|GB)", text, re.IGNORECASE)
    size = int(float(found[1]) * UNITS[found[2].upper()]) if found else 0
    if size < 1:
        raise WrongUse(f"--shard-size {text}: it must be a size such as 256MB or 1.5GB")
    return size
