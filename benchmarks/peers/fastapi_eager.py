"""The server that tutorials write: FastAPI, torchvision's transforms and network, PyTorch eager.

python benchmarks/peers/fastapi_eager.py large|small PORT
"""

from __future__ import annotations

import base64
import io
import sys

import torch
import uvicorn
from fastapi import FastAPI
from PIL import Image
from pydantic import BaseModel
from torchvision import transforms
from torchvision.models import resnet50

from plusx.model.resnet import ResNet

NETWORKS = {
    "large": lambda: resnet50().eval(),
    "small": lambda: ResNet([1, 1, 1], 32, num_classes=10, in_channels=1, stem="small").eval(),
}
NORMALISED = transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
PREPARED = {
    "large": transforms.Compose(
        [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(), NORMALISED]
    ),
    "small": transforms.Compose([transforms.Grayscale(), transforms.Resize((28, 28)), transforms.ToTensor()]),
}


class Asked(BaseModel):
    inputs: list[dict[str, str]]


def create_app(which: str) -> FastAPI:
    app, net, prepared = FastAPI(), NETWORKS[which](), PREPARED[which]

    def answer(body: bytes) -> dict[str, object]:
        picture = Image.open(io.BytesIO(body)).convert("RGB")
        inputs = prepared(picture)
        assert isinstance(inputs, torch.Tensor)
        with torch.inference_mode():
            probabilities = net(inputs[None]).softmax(1)[0]
        top = probabilities.topk(5)
        return {"top": [{"label": int(i), "probability": float(p)} for p, i in zip(*top, strict=True)]}

    @app.post("/predict")
    def predict(asked: Asked) -> dict[str, object]:
        return answer(base64.b64decode(asked.inputs[0]["base64"]))

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(sys.argv[1]), port=int(sys.argv[2]), log_level="warning", access_log=False)
