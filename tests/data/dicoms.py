"""DICOM series as pydicom writes them."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, EnhancedMRImageStorage, ExplicitVRLittleEndian, generate_uid

AXIAL = (1, 0, 0, 0, 1, 0)
SERIES = generate_uid()
PATIENT = "Secret^Name"


def dataset(pixels: np.ndarray, syntax: str = ExplicitVRLittleEndian, **tags: Any) -> Dataset:
    """A slice, or frames, of int16 or uint16, with what a scanner writes of a patient."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = CTImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = generate_uid()
    made.PatientName, made.PatientID, made.PatientBirthDate = PATIENT, "Secret 7", "19700101"
    made.SeriesInstanceUID = SERIES
    made.Rows, made.Columns = pixels.shape[-2:]
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 16
    made.HighBit, made.PixelRepresentation = 15, int(pixels.dtype.kind == "i")
    made.PixelData = pixels.astype("<" + pixels.dtype.str[1:]).tobytes()
    for name, value in tags.items():
        setattr(made, name, value)
    return made


def slice_of(pixels: np.ndarray, position: Any, **tags: Any) -> Dataset:
    """One of a series: 0.5 mm from row to row, 0.25 from column to column."""
    places = {"ImagePositionPatient": list(position), "ImageOrientationPatient": list(AXIAL)}
    return dataset(pixels, **{**places, "PixelSpacing": [0.5, 0.25], **tags})


def series(volume: np.ndarray, gap: float = 2.0, **tags: Any) -> list[Dataset]:
    """The slices of (slices, rows, columns), from the feet to the head. Their headers say a wrong distance, too."""
    return [
        slice_of(pixels, (-10, -20, 30 + gap * place), SpacingBetweenSlices=99.0, **tags)
        for place, pixels in enumerate(volume)
    ]


def frames(volume: np.ndarray, gap: float = 2.0) -> Dataset:
    """The same in one file, as an enhanced MR scan has it: what all frames share, and what each has."""
    made = dataset(volume, NumberOfFrames=len(volume))
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    shared, measures, turn, scale = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [0.5, 0.25]
    turn.ImageOrientationPatient = list(AXIAL)
    scale.RescaleSlope, scale.RescaleIntercept = 2.0, -1000.0
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([turn])
    shared.PixelValueTransformationSequence = Sequence([scale])
    made.SharedFunctionalGroupsSequence = Sequence([shared])
    each = []
    for place in range(len(volume)):
        frame, where = Dataset(), Dataset()
        where.ImagePositionPatient = [-10, -20, 30 + gap * place]
        frame.PlanePositionSequence = Sequence([where])
        each.append(frame)
    made.PerFrameFunctionalGroupsSequence = Sequence(each)
    return made


def stored(made: Dataset) -> bytes:
    """The file's bytes."""
    file = io.BytesIO()
    made.save_as(file, enforce_file_format=True)
    return file.getvalue()


def write(folder: Path, slices: list[Dataset], ending: str = ".dcm") -> Path:
    """A folder of files, whose names are in another order than the slices."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, made in enumerate(slices):
        (folder / f"IM{(place * 7 + 3) % 101:03d}{ending}").write_bytes(stored(made))
    return folder


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of files by name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return packed.getvalue()
