"""`plusx.pack`: from a folder of examples to tar shards."""

from __future__ import annotations

from pathlib import Path

from plusx.data.modalities import MODALITIES
from plusx.data.pack import SHARD_BYTES, Packed, write_shards
from plusx.data.samples import read_dataset
from plusx.errors import WrongUse
from plusx.tasks import TASKS
from plusx.training.watch import Silent, Watcher


def pack(
    data: str | Path,
    out: str | Path,
    *,
    data_dir: str | Path | None = None,
    shard_bytes: int = SHARD_BYTES,
    watcher: Watcher | None = None,
) -> Packed:
    """Packs labelled pictures into tar shards with an index; training on them is the run that `data` gives.

    Args:
        data: as for `train`.
        out: a new folder; it appears whole or not at all.
        data_dir: where a known set's files are.
        shard_bytes: the largest size of a shard; only a single picture may make one larger.
        watcher: is told of the progress.

    Raises:
        WrongUse: no such data, or it is no pictures, something is at `out` already, or the size is none.
        PlusxError: the folder cannot be written, or no example can be used.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     packed = pack("digits", f"{folder}/shards")
    ...     packed.counts, packed.shards, packed.skipped
    ({'train': 1438, 'test': 359}, 2, [])
    """
    watcher = watcher or Silent()
    if shard_bytes < 1:
        raise WrongUse(f"--shard-size {shard_bytes}: it must be above 0")
    dataset = read_dataset(data, data_dir=None if data_dir is None else Path(data_dir))
    if TASKS[dataset.any_split().task].WHOLE:
        raise WrongUse(f"{data}: shards hold no masks or boxes yet; train on the folder itself")
    if (modality := dataset.any_split().modality) != "image":
        raise WrongUse(f"{data}: pictures can be packed, not {MODALITIES[modality].many}; train on the folder itself")
    for note in dataset.notes:
        watcher.note(note)
    return write_shards(dataset, out, shard_bytes=shard_bytes, on_progress=watcher.preparing)
