"""What corrupted pictures cost: the default networks of the embedded digits and of MNIST, 15 corruptions, 5 severities.

    python benchmarks/robustness.py [--data-dir data/mnist] [--limit 1000] [--write]

Each is trained as `plusx train` does it by default, seed 0, and asked once of its test split.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from mnist import UNSET
from results import setting, write_section

HEADING = "Corrupted pictures"
SETS = ("digits", "mnist")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--limit", type=int, default=1000, help="how many test pictures are corrupted")
    parser.add_argument("--write", action="store_true", help="put the tables into RESULTS.md")
    options = parser.parse_args()
    parts: list[str] = []
    for name in SETS:
        with tempfile.TemporaryDirectory() as folder:
            found, duration_s = asked(name, options.data_dir, options.limit, Path(folder))
        parts.append(f"{about(name, found, duration_s)}\n\n{table(found)}")
        print(f"\n{parts[-1]}", flush=True)
    body = "\n\n".join([*parts, f"{setting()}."])
    if options.write:
        write_section(HEADING, f"{body}\n\n`python benchmarks/robustness.py --limit {options.limit} --write`")


def asked(name: str, data_dir: Path, limit: int, folder: Path) -> tuple[dict[str, Any], float]:
    """What `plusx evaluate --corruptions` prints, and its seconds."""
    where = ["--data-dir", str(data_dir)] if name == "mnist" else []
    environment = {key: value for key, value in os.environ.items() if key not in UNSET}
    environment["PLUSX_CACHE"] = str(folder / "cache")
    run(["train", name, *where, "--out", str(folder / "run"), "--json"], environment)
    began = time.perf_counter()
    found = run(
        ["evaluate", str(folder / "run"), name, *where, "--corruptions", "--limit", str(limit), "--json"], environment
    )
    return found, time.perf_counter() - began


def run(arguments: list[str], environment: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "plusx", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def about(name: str, found: dict[str, Any], duration_s: float) -> str:
    worst = found["corruption_worst_name"].replace("_", " ")
    clean, mean, least = (share(found[f"corruption_{part}"]) for part in ("clean", "mean", "worst"))
    return (
        f"`{name}`, {found['corruption_count']:,} test pictures: {clean} % right as they are, {mean} % on average "
        f"corrupted, {least} % with the worst, {worst}; `plusx evaluate` took {duration_s:.0f} s."
    )


def table(found: dict[str, Any]) -> str:
    lines = ["| right, % | 1 | 2 | 3 | 4 | 5 | mean |", "|---|---|---|---|---|---|---|"]
    for name, row in found["corruptions"].items():
        lines.append(f"| {' | '.join([name.replace('_', ' '), *map(share, row.values())])} |")
    return "\n".join(lines)


def share(value: float) -> str:
    return f"{100 * value:.1f}"


if __name__ == "__main__":
    main()
