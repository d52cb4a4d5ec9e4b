"""From a model file to what it holds, believing nothing that was not checked."""

from functools import partial
from pathlib import Path

import numpy as np

from plusx.archive.arrays import arrays_from
from plusx.archive.contents import Archive, golden_of
from plusx.archive.manifest import MAX_MANIFEST_BYTES, Manifest, parse_manifest
from plusx.archive.members import ENGINES, GOLDEN, MANIFEST, WEIGHTS, Members, open_members
from plusx.archive.refusal import MAKE_AGAIN, refusal
from plusx.archive.weights import StoredWeights


def read_archive(path: Path, *, weights: bool = True) -> Archive:
    """The model in a `.plusx` file, or in a run folder that holds `model.plusx`.

    Every member is checked against the manifest's SHA-256 when it is read; nothing is extracted to disk, nothing
    executed. The arrays are writable.

    Args:
        path: the file or folder.
        weights: whether to read the weights at once; else when they are first asked for, which may raise, too.

    Raises:
        BadArchive: whatever is no whole and honest model file; docs/archive.md lists it all.

    >>> read_archive(Path("missing.plusx"))
    Traceback (most recent call last):
    plusx.archive.refusal.BadArchive: missing.plusx: is not there; check the path
    """
    with open_members(path) as members:
        manifest = _manifest(members)
        read = partial(_weights, members.path, manifest)
        stored = _weights_of(members, manifest) if weights else StoredWeights(manifest.files[WEIGHTS].sha256, read)
        golden = members.read_listed(GOLDEN, manifest)
        engines = {
            member.removeprefix(ENGINES): members.read_listed(member, manifest)
            for member in sorted(members)
            if member.startswith(ENGINES)
        }
    return Archive(
        manifest=manifest,
        weights=stored,
        golden=golden_of(members.path, arrays_from(members.path, GOLDEN, golden)),
        engines=engines,
        path=members.path,
    )


def _weights(path: Path, manifest: Manifest) -> dict[str, np.ndarray]:
    with open_members(path) as members:
        # The file may be another by now: then it has other weights than this manifest lists.
        return _weights_of(members, manifest)


def _weights_of(members: Members, manifest: Manifest) -> dict[str, np.ndarray]:
    return arrays_from(members.path, WEIGHTS, members.read_listed(WEIGHTS, manifest))


def read_manifest(path: Path) -> Manifest:
    """What the model in a `.plusx` file, or in a run folder, says of itself; its weights are not read.

    The members' names and sizes are checked, their content is not.

    Raises:
        BadArchive: as `read_archive`, for as much as was read.

    >>> read_manifest(Path("missing.plusx"))
    Traceback (most recent call last):
    plusx.archive.refusal.BadArchive: missing.plusx: is not there; check the path
    """
    with open_members(path) as members:
        return _manifest(members)


def _manifest(members: Members) -> Manifest:
    if members.size_bytes(MANIFEST) > MAX_MANIFEST_BYTES:
        raise refusal(members.path, f"has a manifest of more than {MAX_MANIFEST_BYTES >> 20} MiB", MAKE_AGAIN)
    # Before the list of members is judged: a newer version may have others, and then asks for an update.
    manifest = parse_manifest(members.path, members.read(MANIFEST))
    members.check_listed(manifest)
    return manifest
