"""What the README shows runs as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from plusx.model.zoo import ZOO

README = Path(__file__).parents[1] / "README.md"


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def run(code: str, folder: Path) -> None:
    # One thread: on a busy machine several wait for one another.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_introductory_example_runs(tmp_path: Path) -> None:
    code = "\n".join(line for line in blocks()[0].splitlines() if "weights=" not in line)
    lines = [line for line in code.splitlines() if "# torch.Size" in line]
    assert len(lines) == 2
    for line in lines:
        expression, shape = line.split("#")
        code += f"\nassert str({expression.strip()}) == {shape.strip()!r}"
    run(code, tmp_path)


def test_the_python_interface_runs(tmp_path: Path) -> None:
    short = blocks()[1].replace('out="runs/digits"', 'out="runs/digits", changes={"epochs": "2"}')
    given = (
        "from PIL import Image; Image.new('L', (8, 8)).save('digit.png')\n"
        "from sklearn.datasets import load_digits; X, y = load_digits(return_X_y=True); X, y = X[:200], y[:200]\n"
    )
    run(given + short, tmp_path)


def test_it_counts_the_networks_right() -> None:
    assert f"lists all {len(ZOO)} with" in README.read_text(encoding="utf-8")
