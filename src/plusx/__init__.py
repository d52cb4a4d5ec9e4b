"""plusx: residual networks, y = F(x) + x, from a folder of examples to one model file.

>>> import plusx
>>> net = plusx.ResNet([2, 2, 2], 64)
>>> model = plusx.resnet18(num_classes=3)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from plusx.api.audit import Audited, audit
    from plusx.api.explain import explain
    from plusx.api.export import Exported, export
    from plusx.api.folds import CrossValidated, cross_validate
    from plusx.api.model import Model, load
    from plusx.api.pack import pack
    from plusx.api.report import report
    from plusx.api.serve import serve
    from plusx.api.shrink import Shrunk, shrink
    from plusx.api.study import study
    from plusx.api.train import Trained, train
    from plusx.errors import PlusxError, WrongUse
    from plusx.estimator import ResNetClassifier
    from plusx.model.resnet import ResNet
    from plusx.residual import Residual

# Where each public name lives: it is imported when it is first used, so that `import plusx` costs nothing.
_HOMES = {
    "explain": "plusx.api.explain",
    "Audited": "plusx.api.audit",
    "audit": "plusx.api.audit",
    "Exported": "plusx.api.export",
    "export": "plusx.api.export",
    "CrossValidated": "plusx.api.folds",
    "cross_validate": "plusx.api.folds",
    "Model": "plusx.api.model",
    "load": "plusx.api.model",
    "pack": "plusx.api.pack",
    "Shrunk": "plusx.api.shrink",
    "shrink": "plusx.api.shrink",
    "study": "plusx.api.study",
    "report": "plusx.api.report",
    "serve": "plusx.api.serve",
    "Trained": "plusx.api.train",
    "train": "plusx.api.train",
    "PlusxError": "plusx.errors",
    "WrongUse": "plusx.errors",
    "ResNet": "plusx.model.resnet",
    "ResNetClassifier": "plusx.estimator",
    "Residual": "plusx.residual",
}

__all__ = [
    "Audited",
    "CrossValidated",
    "Exported",
    "Model",
    "PlusxError",
    "ResNet",
    "ResNetClassifier",
    "Residual",
    "Shrunk",
    "Trained",
    "WrongUse",
    "audit",
    "cross_validate",
    "explain",
    "export",
    "load",
    "pack",
    "report",
    "serve",
    "shrink",
    "study",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    from plusx.model.zoo import ZOO

    if name in ZOO:
        return ZOO[name]
    raise AttributeError(f"module 'plusx' has no attribute {name!r}")


def __dir__() -> list[str]:
    from plusx.model.zoo import ZOO

    return sorted([*globals(), *__all__, *ZOO])
