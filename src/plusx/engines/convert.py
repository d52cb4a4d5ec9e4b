"""An archive's network as an ONNX graph, written by torch; imports torch and is only needed where no graph is kept.

The graph takes what files hold (uint8 pixels, int16 samples, bytes), normalises it, and gives what the task's
`readable` says, and `outputs` as the training had them.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from plusx.archive import Archive
from plusx.engines.graph import metadata
from plusx.engines.installed import needed
from plusx.engines.torch import build_network
from plusx.errors import WrongUse
from plusx.model.cam import CamNetwork
from plusx.tasks import Task, task_from_json

OPSET = 18
"""Of ONNX's default domain: the first that has all that is needed, so that old runtimes read it, too."""
INPUT, MAPS, OUTPUTS = "input", "maps", "outputs"


class Answering(nn.Module):
    """A network with the answers of its task: `forward` gives these, by the order of `names`, and the raw outputs last.

    Args:
        whole: front and network, as `plusx.engines.torch.build_network` gives them; or the `CamNetwork` of these, whose
            maps are then given, too.
        task: says what outputs mean.
        example: an input, `(batch, ...)`, by which the answers' names are learnt.
    """

    def __init__(self, whole: nn.Module, task: Task, example: Tensor):
        super().__init__()
        self.whole, self._task = whole, task
        with torch.no_grad():
            self.names = list(self._answers(example))

    def forward(self, x: Shaped[Tensor, "batch ..."]) -> tuple[Tensor, ...]:
        return tuple(self._answers(x).values())

    def _answers(self, x: Tensor) -> dict[str, Tensor]:
        given = self.whole(x)
        outputs, maps = given if isinstance(given, tuple) else (given, None)
        return {**self._task.readable(outputs), **({} if maps is None else {MAPS: maps}), OUTPUTS: outputs}


def answering(archive: Archive, *, maps: bool = False) -> tuple[Answering, Tensor]:
    """The archive's network with its task's answers, and an example input of it `(2, ...)`.

    Args:
        archive: the model.
        maps: whether it also answers with a class-activation map for each class.

    Raises:
        PlusxError: there is no such network as the archive names, or it has no weights.
        WrongUse: maps are asked of a network that has none.
    """
    # Of one example alone, the tracer would take the batch for a constant.
    example = torch.from_numpy(archive.golden.inputs[:1].repeat(2, axis=0))
    whole = build_network(archive)
    try:
        whole = CamNetwork(whole) if maps else whole
    except WrongUse as error:
        raise WrongUse(f"--maps: {error}") from None
    return Answering(whole, task_from_json(archive.manifest.task), example).eval(), example


def batch_of() -> tuple[dict[int, Any]]:
    """What an exported graph leaves open: how many examples come at once."""
    return ({0: torch.export.Dim("batch", min=1)},)


def onnx_graph(archive: Archive, *, maps: bool = False) -> bytes:
    """The network as a whole ONNX model, one file without any beside it; its batch is free.

    Raises:
        PlusxError: ONNX is not installed, or there is no such network as the archive names.
        WrongUse: maps are asked of a network that has none.
    """
    needed("onnx", "ONNX")
    needed("onnxscript", "ONNX")
    network, example = answering(archive, maps=maps)
    return described(translated(network, example, network.names), archive)


def translated(network: nn.Module, example: Tensor, outputs: Sequence[str]) -> Any:
    """A network as an ONNX model of one input, `input`, with a free batch.

    Args:
        network: of one argument, gives a tensor, or a tuple of them.
        example: `(batch, ...)`, two at least.
        outputs: their names.
    """
    with quiet():
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=list(outputs),
            dynamic_shapes=batch_of(),
        )
    assert program is not None
    return program.model_proto


def described(model: Any, archive: Archive) -> bytes:
    """An ONNX model's bytes, with what a program must know of it in its metadata: `task`, `labels`, `preprocessing`,
    `precision` and `created_with`, each as JSON.

    What the tracer notes of where the code lay is taken out.
    """
    for one in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.functions):
        del one.metadata_props[:]
    for part in (model.graph.value_info, model.graph.initializer):
        for one in part:
            del one.metadata_props[:]
    model.producer_name, model.producer_version = "plusx", version("plusx")
    for key, value in metadata(archive).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    # Equal archives give equal bytes, so that a graph can be told by its hash.
    return model.SerializeToString(deterministic=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Without the exporter's talk of itself, which nobody who exports can act on."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
