"""The model file, `model.plusx`: a plain zip that holds everything a model needs, and nothing that runs.

Reading and writing are NumPy and JSON alone: no torch, no pickle, and nothing is ever extracted to disk.
"""

from plusx.archive.contents import Archive, Golden
from plusx.archive.manifest import FORMAT_VERSION, FileRecord, Manifest
from plusx.archive.reading import read_archive, read_manifest
from plusx.archive.refusal import BadArchive
from plusx.archive.weights import StoredWeights, weights_sha256
from plusx.archive.writing import write_archive

__all__ = [
    "FORMAT_VERSION",
    "Archive",
    "BadArchive",
    "FileRecord",
    "Golden",
    "Manifest",
    "StoredWeights",
    "read_archive",
    "read_manifest",
    "weights_sha256",
    "write_archive",
]
