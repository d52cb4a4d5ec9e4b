"""`--model auto` beside fixed networks of the zoo, each within the same time, on three sets.

    python benchmarks/auto.py [--sets digits mnist cifar10] [--lines FILE] [--write]

Needs fetch_mnist.py and fetch_cifar10.py. Every training has the automatic recipe of its set but for the network, is
told the time by `--budget`, and begins with an empty cache. The test split is read once a training, and nothing is
chosen by it. A line is kept for each training, so that a stopped run goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from mnist import UNSET
from results import setting, spread, write_section

HEADING = "The automatic network beside fixed ones, in the same time"
BUDGETS = {"digits": "10s", "mnist": "20s", "cifar10": "40s"}
# The cheapest of each family, and two that are too large for such times: what is larger yet sees fewer examples still.
FIXED = (
    *("resnet8", "resnet8_24", "resnet8_32", "resnet14", "resnet20", "resnet32", "resnet56", "resnet110"),
    *("plain20", "preact_resnet110", "preact_resnet18", "wrn16_4", "resnet18", "resnet18d", "seresnet18"),
    *("resnet26d", "resnet34", "resnet50", "resnext50_32x4d"),
)
SEEDS = {"auto": (0, 1, 2)}
Line = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=BUDGETS, default=list(BUDGETS))
    parser.add_argument("--networks", nargs="+", default=list(FIXED), help="beside auto")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="where mnist/ and cifar10/ are")
    parser.add_argument("--lines", type=Path, default=Path("runs/auto.jsonl"))
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    wanted = [
        (name, network, seed)
        for name in options.sets
        for network in ("auto", *options.networks)
        for seed in SEEDS.get(network, (0,))
    ]
    options.lines.parent.mkdir(parents=True, exist_ok=True)
    done = read(options.lines)
    for name, network, seed in wanted:
        if (name, network, seed) not in {(one["set"], one["network"], one["seed"]) for one in done}:
            done.append(train(options.data_dir, name, network, seed))
            print(json.dumps(done[-1]), flush=True)
            with open(options.lines, "a", encoding="utf-8") as file:
                file.write(json.dumps(done[-1]) + "\n")
    body = table(done, options.sets, list(FIXED) if set(options.networks) <= set(FIXED) else options.networks)
    print(f"\n{body}")
    if options.write:
        write_section(HEADING, f"{body}\n\n`python benchmarks/auto.py --sets {' '.join(options.sets)} --write`")


def read(lines: Path) -> list[Line]:
    return [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()] if lines.exists() else []


def train(data_dir: Path, name: str, network: str, seed: int) -> Line:
    environment = {key: value for key, value in os.environ.items() if key not in UNSET}
    files = [] if name == "digits" else ["--data-dir", str(data_dir / name)]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "plusx", "train", name, *files, "--budget", BUDGETS[name], "--json"]
        command += ["--model", network, "--seed", str(seed), "--out", f"{folder}/run"]
        done = subprocess.run(
            command, env=environment | {"PLUSX_CACHE": f"{folder}/cache"}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            # Such as that no step of it fits into the time; a line with the reason is an answer, too.
            return {"set": name, "network": network, "seed": seed, "right": None, "why": done.stderr.splitlines()[-1]}
        answer = json.loads(done.stdout)
        recipe = json.loads(Path(f"{folder}/run/recipe.json").read_text(encoding="utf-8"))
    right = 100 * answer["test"]["accuracy"]
    chosen = {key: recipe[key] for key in ("model", "epochs")}
    return {"set": name, "network": network, "seed": seed, "right": right, "duration_s": answer["duration_s"], **chosen}


def table(done: list[Line], sets: list[str], networks: list[str]) -> str:
    heads = [f"{name}, {BUDGETS[name]}: right, %" for name in sets]
    lines = [f"| network | {' | '.join(heads)} |", "|---|" + "---|" * len(sets)]
    lines += [
        f"| {network} | {' | '.join(cell(done, name, network) for name in sets)} |" for network in ("auto", *networks)
    ]
    return "\n".join([*lines, "", f"In brackets: epochs. auto has three seeds, the others one. {setting()}."])


def cell(done: list[Line], name: str, network: str) -> str:
    those = [one for one in done if (one["set"], one["network"]) == (name, network)]
    scores = [one["right"] for one in those if one["right"] is not None]
    if not those:
        return "not run"
    if not scores:
        return "no time for it"
    named = f"{those[0]['model']}, " if network == "auto" else ""
    shown = spread(scores, ".2f") if len(scores) > 1 else f"{scores[0]:.2f}"
    return f"{shown} ({named}{those[0]['epochs']:.2g})"


if __name__ == "__main__":
    main()
