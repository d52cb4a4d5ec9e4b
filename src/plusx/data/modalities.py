"""Every kind of example: its spec says how bytes become numbers. A new kind is one file and a line here."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, ValidationError

from plusx.data import image, signal, sound, text, volume
from plusx.data.array import ArraySpec
from plusx.data.image import ImageSpec
from plusx.data.image_facts import survey_images
from plusx.data.npy import common_ndim
from plusx.data.series import FOLDER
from plusx.data.signal import SignalSpec
from plusx.data.signal_facts import survey_signals
from plusx.data.sound import SoundSpec
from plusx.data.sound_facts import survey_sounds
from plusx.data.sources import Samples
from plusx.data.survey import Facts
from plusx.data.text import TextSpec
from plusx.data.text_facts import survey_texts
from plusx.data.volume import VolumeSpec
from plusx.data.volume_facts import survey_volumes
from plusx.errors import PlusxError, WrongUse, nearest

Spec = ImageSpec | SoundSpec | ArraySpec | TextSpec | VolumeSpec | SignalSpec
"""Any modality's spec: has `prepare`, `shape` (channels first), `features` (what the network sees), `dtype`,
`words` and `storage_key`."""


@dataclass(frozen=True)
class Modality:
    """A kind of example.

    Args:
        spec: how bytes become numbers.
        one: what people call an example.
        many: and several.
        extensions: the file endings, in lower case, by which examples are found in folders.
        survey: what a set of them is like, for the automatic choices; None where no set is made of them.
    """

    spec: type[Spec]
    one: str
    many: str
    extensions: tuple[str, ...] = ()
    survey: Callable[[Samples], Facts] | None = None


MODALITIES: dict[str, Modality] = {
    "image": Modality(ImageSpec, "picture", "pictures", image.EXTENSIONS, survey_images),
    "sound": Modality(SoundSpec, "sound", "sounds", sound.EXTENSIONS, survey_sounds),
    "array": Modality(ArraySpec, "array", "arrays"),
    "text": Modality(TextSpec, "text", "texts", text.EXTENSIONS, survey_texts),
    "volume": Modality(VolumeSpec, "volume", "volumes", volume.EXTENSIONS, survey_volumes),
    "signal": Modality(SignalSpec, "signal", "signals", signal.EXTENSIONS, survey_signals),
}


def survey(samples: Samples) -> Facts:
    """What a set is like, as its modality looks at it.

    Raises:
        WrongUse: no set is made of such examples.
        PlusxError: none can be read.
    """
    look = MODALITIES[samples.modality].survey
    if look is None:
        raise WrongUse(f"examples of kind {samples.modality} are for plusx.ResNetClassifier, not for train")
    return look(samples)


def modality_of(name: str) -> str | None:
    """The modality of the file called `name`, by its ending; None for a file of another kind.

    `.npy` may hold anything: it counts as a volume here, and `commonest` looks into the files.

    >>> modality_of("holiday/IMG_1.JPG"), modality_of("notes.docx")
    ('image', None)
    """
    return next((key for key in MODALITIES if may_be(name, key)), None)


def endings(modality: str) -> str:
    """What a modality's examples are called, and the endings of their files.

    >>> endings("signal")
    'signals (.npy, .csv)'
    """
    own = MODALITIES[modality]
    shown = ["folders of slices" if ending == FOLDER else ending for ending in own.extensions]
    return f"{own.many} ({', '.join(shown)})" if shown else own.many


def may_be(name: str, modality: str) -> bool:
    """Whether the file called `name` may be of this modality, by its ending.

    >>> may_be("scan.npy", "volume"), may_be("scan.npy", "signal"), may_be("scan.npy", "image")
    (True, True, False)
    """
    return name.lower().endswith(MODALITIES[modality].extensions)


def commonest(files: Iterable[str]) -> str:
    """The modality of most of the files, by their endings; pictures where no ending is known.

    What the first `.npy` files hold decides for all of them: signals have one or two axes, volumes more.

    >>> commonest(["a.png", "b.PNG", "c.docx"])
    'image'
    """
    files = list(files)
    counts = Counter(kind for kind in map(modality_of, files) if kind is not None)
    arrays = [file for file in files if file.lower().endswith(".npy")]
    if arrays and (common_ndim(arrays) or 3) < 3:
        counts += Counter(signal=len(arrays))
        counts -= Counter(volume=len(arrays))
    return max(MODALITIES, key=lambda kind: counts[kind])


Preprocessing = Annotated[Spec, Field(discriminator="modality")]
"""A spec inside a recipe, told by its `modality`."""


def spec_from_json(values: dict[str, Any]) -> Spec:
    """The spec that `spec.model_dump(mode="json")` gave.

    Raises:
        PlusxError: the modality is unknown, or a value is missing, unknown or out of range.

    >>> spec_from_json({"modality": "image", "height": 28, "width": 28, "channels": 1}).shape
    (1, 28, 28)
    """
    modality = values.get("modality")
    if modality not in MODALITIES:
        hint = nearest(str(modality), list(MODALITIES))
        raise PlusxError(f"preprocessing: modality {modality!r} is not one of {', '.join(MODALITIES)}{hint}")
    try:
        return MODALITIES[modality].spec.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or modality
        raise PlusxError(f"preprocessing: {where}: {first['msg']}") from error
