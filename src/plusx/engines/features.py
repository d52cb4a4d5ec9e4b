"""A graph's network without its last layer: vectors of a model that has no weights, only a graph."""

from __future__ import annotations

from typing import Any

from plusx.engines.installed import needed
from plusx.errors import PlusxError

LINEAR = ("Gemm", "MatMul")
ROUNDING = ("QuantizeLinear", "DequantizeLinear")
OUTPUTS = "outputs"


def without_last_layer(graph: bytes, where: str) -> bytes:
    """The ONNX graph whose `outputs` are what the last linear layer of the given one sees, before it is rounded.

    Args:
        graph: a checked ONNX model (`plusx.engines.graph.checked`) of one output `outputs` or more.
        where: whose it is, for the error's line.

    Raises:
        PlusxError: it does not end with a linear layer, or ONNX is not installed.
    """
    onnx = needed("onnx", "vectors of a model that is only a graph")
    model = onnx.load_model_from_string(graph)
    makers = {name: node for node in model.graph.node for name in node.output}
    seen = _seen_by_last(makers, where)
    wanted = _makers_of(seen, makers)
    nodes = [node for node in model.graph.node if node.output[0] in wanted]
    nodes.append(onnx.helper.make_node("Identity", [seen], [OUTPUTS]))
    used = {name for node in nodes for name in node.input}
    kept = [one for one in model.graph.initializer if one.name in used]
    del model.graph.node[:], model.graph.initializer[:], model.graph.output[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(kept)
    vectors = onnx.helper.make_tensor_value_info(OUTPUTS, onnx.TensorProto.FLOAT, ["batch", "width"])
    model.graph.output.append(vectors)
    return model.SerializeToString(deterministic=True)


def _seen_by_last(makers: dict[str, Any], where: str) -> str:
    """The name of what goes into the last linear layer."""
    name = OUTPUTS
    while (node := makers.get(name)) is not None and node.op_type not in LINEAR:
        name = node.input[0]
    if node is None:
        raise PlusxError(f"{where}: its graph does not end with a linear layer, before which vectors would be")
    name = node.input[0]
    while name in makers and makers[name].op_type in ROUNDING:
        name = makers[name].input[0]
    return name


def _makers_of(name: str, makers: dict[str, Any]) -> set[str]:
    """The first outputs of all nodes that a value is made by."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and node.output[0] not in found:
            found.add(node.output[0])
            waiting += node.input
    return found
