"""Which operations the exported graphs of networks for speech and texts are made of: those that ONNX has."""

import pytest
import torch
from torch.export import Dim, ExportedProgram

from plusx import ResNet, jasper4x2, quartznet5x5, resnet8_text, vdcnn9
from plusx.data.sound import SoundSpec
from plusx.data.text import TextSpec
from plusx.model.fronts import with_front

# Written down, since no converter is asked for here: core ATen's operations and, in ONNX's default domain, operators of
# opset 13 or before that do the same. A Fourier transform, a scan or a control flow of its own would be none of them.
ONNX = {
    "aten._native_batch_norm_legit_no_training.default": "BatchNormalization",
    "aten._to_copy.default": "Cast",
    "aten.add.Tensor": "Add",
    "aten.addmm.default": "Gemm",
    "aten.amax.default": "ReduceMax",
    "aten.arange.start_step": "Range",
    "aten.bitwise_and.Tensor": "And",
    "aten.bitwise_or.Tensor": "Or",
    "aten.bmm.default": "MatMul",
    "aten.cat.default": "Concat",
    "aten.constant_pad_nd.default": "Pad",
    "aten.convolution.default": "Conv",
    "aten.cumsum.default": "CumSum",
    "aten.div.Tensor": "Div",
    "aten.embedding.default": "Gather",
    "aten.eq.Tensor": "Equal",
    "aten.expand.default": "Expand",
    "aten.gather.default": "GatherElements",
    "aten.gt.Tensor": "Greater",
    "aten.le.Tensor": "LessOrEqual",
    "aten.log.default": "Log",
    "aten.mean.dim": "ReduceMean",
    "aten.mm.default": "MatMul",
    "aten.permute.default": "Transpose",
    "aten.pow.Tensor_Scalar": "Pow",
    "aten.relu.default": "Relu",
    "aten.rsub.Scalar": "Sub",
    "aten.scalar_tensor.default": "Constant",
    "aten.select.int": "Gather",
    "aten.slice.Tensor": "Slice",
    "aten.split_with_sizes.default": "Split",
    "aten.squeeze.dims": "Squeeze",
    "aten.sub.Tensor": "Sub",
    "aten.sum.dim_IntList": "ReduceSum",
    "aten.topk.default": "TopK",
    "aten.unsqueeze.default": "Unsqueeze",
    "aten.view.default": "Reshape",
    "aten.where.self": "Where",
}
# These compute no tensor: a size, a product of sizes, one of several results, a check of what is known already.
NO_TENSOR = {
    "<built-in function getitem>",
    "<built-in function mul>",
    "aten._assert_tensor_metadata.default",
    "aten.sym_size.int",
}

SPEECH = SoundSpec(samples=16_000, longer="refuse", bands="channels", mels=64)
SHORT, LONG = TextSpec(length=64), TextSpec(length=1024)
NETWORKS = {
    "jasper4x2": (lambda: jasper4x2(head="frames", num_classes=28), SPEECH),
    "quartznet5x5": (lambda: quartznet5x5(head="frames", num_classes=28), SPEECH),
    "resnet8_text": (lambda: resnet8_text(num_classes=3), SHORT),
    "vdcnn9": (lambda: vdcnn9(num_classes=3), LONG),
}


def exported(net: ResNet, spec: SoundSpec | TextSpec) -> ExportedProgram:
    whole = with_front(spec.model_dump(mode="json"), net).eval()
    stored = torch.ones(2, *spec.shape, dtype=torch.int16 if isinstance(spec, SoundSpec) else torch.uint8)
    return torch.export.export(whole, (stored,), dynamic_shapes=({0: Dim("batch")},)).run_decompositions()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_graph_from_stored_values_to_outputs_has_only_what_onnx_has(name: str) -> None:
    make, spec = NETWORKS[name]
    program = exported(make(), spec)
    operations = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert operations - NO_TENSOR <= ONNX.keys()
    assert "aten.convolution.default" in operations
    values = [node.meta["val"] for node in program.graph.nodes if isinstance(node.meta.get("val"), torch.Tensor)]
    # Nothing complex: there is no Fourier transform inside.
    assert {value.dtype for value in values} <= {torch.int16, torch.uint8, torch.int32, torch.int64, torch.float32}


def test_a_speech_graph_holds_its_log_mel() -> None:
    operations = {str(node.target) for node in exported(*_made("jasper4x2")).graph.nodes if node.op == "call_function"}
    assert {"aten.log.default", "aten.mm.default"} <= operations


def _made(name: str) -> tuple[ResNet, SoundSpec | TextSpec]:
    make, spec = NETWORKS[name]
    return make(), spec
