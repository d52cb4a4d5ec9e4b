"""int8: the ONNX graph with scales found on training examples, by NNCF."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from io import StringIO
from typing import Any

import numpy as np

from plusx.archive import Archive, Golden
from plusx.engines import ENGINES
from plusx.engines.convert import described
from plusx.engines.graph import MEMBER, graph_of
from plusx.engines.installed import installed, needed
from plusx.errors import PlusxError

CALIBRATED_ON = 300
"""Examples; NNCF's own number."""
Score = Callable[[Archive], float]
"""What is to stay high, of an int8 archive."""


def quantized(archive: Archive, examples: np.ndarray, *, corrected: bool = True) -> Archive:
    """The archive in int8, post-training: weights a channel, activations a tensor (NNCF's default).

    Args:
        archive: a float one.
        examples: training inputs `(count, ...)` as the network takes them, by which the scales are found.
        corrected: whether NNCF corrects each layer's bias by how rounding moves the mean of what it gives. It estimates
            that by an input which has its mean at every place, for which a layer that pads with zeros gives another
            mean without any rounding: what is "corrected" is mostly that. A narrow network lost 2 points by it on
            MNIST, and 0.1 without it (`benchmarks/aware.py`).

    Raises:
        PlusxError: NNCF, ONNX or an engine for int8 is not installed.
    """
    with _quiet():
        nncf = needed("nncf", "int8")
        model = nncf.quantize(
            _model(archive),
            _dataset(nncf, examples),
            subset_size=len(examples),
            advanced_parameters=_advanced(nncf, archive, corrected=corrected),
        )
    return with_graph(archive, model)


def quantized_in_part(
    archive: Archive, examples: np.ndarray, score: Score, max_drop: float, *, corrected: bool = True
) -> Archive:
    """The archive in int8 but for the layers that cost the most, until `score` falls by `max_drop` at most.

    NNCF's accuracy control: layers are put back to float in the order of what they cost on the validation examples.

    Args:
        archive: a float one.
        examples: as for `quantized`.
        score: of an int8 archive, on validation examples.
        max_drop: absolute.
        corrected: as for `quantized`.

    Raises:
        PlusxError: as `quantized`.
    """

    def judged(model: Any, _: Any) -> tuple[float, None]:
        return score(with_graph(archive, model)), None

    with _quiet():
        nncf = needed("nncf", "int8")
        data = _dataset(nncf, examples)
        model = nncf.quantize_with_accuracy_control(
            _model(archive),
            data,
            data,
            judged,
            max_drop=max_drop,
            drop_type=nncf.DropType.ABSOLUTE,
            subset_size=len(examples),
            advanced_quantization_parameters=_advanced(nncf, archive, corrected=corrected),
        )
    return with_graph(archive, model)


def _advanced(nncf: Any, archive: Archive, *, corrected: bool) -> Any:
    # NNCF 3.4's correction fails at the matrices of a spectrogram, which a sound's front computes unless it hands on
    # the waveform.
    spectrogram = archive.manifest.preprocessing.get("front", "waveform") != "waveform"
    return nncf.AdvancedQuantizationParameters(disable_bias_correction=spectrogram or not corrected)


def with_graph(archive: Archive, model: Any) -> Archive:
    """The archive with an int8 ONNX model in the place of its weights; its golden outputs are that model's."""
    able = [name for name in installed() if name != "torch"]
    if not able:
        raise PlusxError("int8: neither openvino nor onnxruntime is installed: pip install 'plusx[deploy]'")
    manifest = archive.manifest.model_copy(update={"precision": "int8"})
    bare = replace(archive, manifest=manifest, weights={}, engines={}, path=None)
    made = replace(bare, engines={MEMBER: described(model, bare)})
    inputs = archive.golden.inputs
    return replace(made, golden=Golden(inputs, ENGINES[able[-1]](made)(inputs)))


def _model(archive: Archive) -> Any:
    return needed("onnx", "int8").load_model_from_string(graph_of(archive))


def _dataset(nncf: Any, examples: np.ndarray) -> Any:
    return nncf.Dataset([{"input": examples[place : place + 1]} for place in range(len(examples))])


@contextmanager
def _quiet() -> Iterator[None]:
    """Without NNCF's bars and advice."""
    loggers = [logging.getLogger(name) for name in ("nncf", "torch.utils.cpp_extension")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        # Its bars go to stdout, which is a program's.
        with redirect_stdout(StringIO()):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
