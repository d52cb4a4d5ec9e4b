"""The house's promises about imports, each tried in a fresh interpreter: what a linter reads is not what is run."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import plusx

PACKAGE = Path(plusx.__file__).parent
ROOMS_WITHOUT_TORCH = ("archive", "cli", "data", "engines", "errors", "evaluate", "predict", "tasks")
TORCH = {"torch", "torchvision"}
HEAVY = TORCH | {"numpy", "PIL", "pyarrow", "sklearn"}
TENSORS_BEGIN_AT = (
    "plusx.data.augment",
    "plusx.data.loader",
    "plusx.data.mix",
    "plusx.engines.convert",
    "plusx.engines.targets.litert",
    "plusx.engines.targets.torch",
    "plusx.engines.torch",
)


def modules_without_torch() -> list[str]:
    """Every module of those rooms, so that a new one is held to the promise without being listed."""
    every = (module.name for module in pkgutil.walk_packages(plusx.__path__, "plusx."))
    return [
        name for name in every if name.split(".")[1] in ROOMS_WITHOUT_TORCH and not name.startswith(TENSORS_BEGIN_AT)
    ]


def loaded_by(code: str) -> set[str]:
    """The top-level packages that are in memory after the code has run in a new interpreter."""
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules}, sep=',')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split(","))


def test_answers_come_without_torch() -> None:
    modules = modules_without_torch()
    assert {"plusx.archive.reading", "plusx.data.image", "plusx.predict.stream"} <= set(modules)
    assert loaded_by(f"import {', '.join(modules)}") & TORCH == set()


def test_the_digits_are_read_without_torch() -> None:
    code = "from plusx.data.samples import read_dataset; read_dataset('digits')"
    assert loaded_by(code) & TORCH == set()


def test_importing_plusx_imports_nothing_heavy() -> None:
    assert loaded_by("import plusx") & HEAVY == set()


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["models", "resnet18"]])
def test_what_needs_no_numbers_imports_nothing_heavy(arguments: list[str]) -> None:
    assert loaded_by(f"from plusx.cli.main import app; app({arguments}, standalone_mode=False)") & HEAVY == set()


@pytest.mark.parametrize("name", plusx.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(plusx, name) is not None
    assert name in dir(plusx)


def test_networks_are_public_by_their_names() -> None:
    assert plusx.resnet18(num_classes=3).spec["num_classes"] == 3
    assert "resnet18" in dir(plusx)


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="resnet19"):
        _ = plusx.resnet19


def test_every_room_is_in_the_docs() -> None:
    docs = (PACKAGE.parents[1] / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    rooms = [module.name for module in pkgutil.iter_modules(plusx.__path__)]
    assert [room for room in rooms if f"`{room}`" not in docs] == []
