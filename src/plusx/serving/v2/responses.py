"""What is answered -> a body and its headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from pydantic_core import to_json as written

from plusx.serving.v2.requests import BASE64, JSON_LENGTH
from plusx.serving.v2.tensors import datatype_of, to_binary, to_json


class Given(NamedTuple):
    """An output.

    Args:
        name: of it.
        values: float32, or `bytes`.
        binary: whether it is sent as bytes; else in JSON.
        is_text: whether the `bytes` are text; others are base64 in JSON.
    """

    name: str
    values: Shaped[np.ndarray, "examples ..."]
    binary: bool = False
    is_text: bool = True


def write_response(head: Mapping[str, Any], outputs: Sequence[Given]) -> tuple[bytes, dict[str, str]]:
    """(body, headers) of a response.

    JSON has no NaN and no infinities: they are null, which clients read as NaN.

    Args:
        head: what it says beside its outputs.

    >>> write_response({"model_name": "digits"}, [Given("probability", np.array([0.5, np.nan], np.float32))])[0]
    b'{"model_name":"digits","outputs":[{"name":"probability","datatype":"FP32","shape":[2],"data":[0.5,null]}]}'
    """
    tensors: list[dict[str, Any]] = []
    after: list[bytes] = []
    for one in outputs:
        tensor = {"name": one.name, "datatype": datatype_of(one.values.dtype), "shape": list(one.values.shape)}
        if one.binary:
            after.append(to_binary(one.values))
            tensor["parameters"] = {"binary_data_size": len(after[-1])}
        else:
            tensor |= {} if one.is_text else {"parameters": BASE64}
            tensor["data"] = to_json(one.values, is_base64=not one.is_text)
        tensors.append(tensor)
    text = written({**head, "outputs": tensors}, inf_nan_mode="null")
    if not any(one.binary for one in outputs):
        return text, {"Content-Type": "application/json"}
    headers = {"Content-Type": "application/octet-stream", JSON_LENGTH: str(len(text))}
    return b"".join([text, *after]), headers


def classified(values: Float[np.ndarray, "examples classes"], count: int, labels: Sequence[str]) -> np.ndarray:
    """The highest `count` values of each example as text, `value:place:label`: Triton's classification extension.

    >>> classified(np.array([[0.25, 0.75]], np.float32), 1, ["cat", "dog"]).tolist()
    [[b'0.750000:1:dog']]
    """
    best = np.argsort(-values, axis=1, kind="stable")[:, :count]
    texts = np.empty(best.shape, object)
    for example, order in enumerate(best):
        texts[example] = [f"{values[example, place]:f}:{place}:{labels[place]}".encode() for place in order]
    return texts
