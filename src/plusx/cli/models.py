"""`plusx models`."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Annotated, Any

import typer

from plusx.cli.output import Json, print_json
from plusx.errors import WrongUse, nearest
from plusx.words import percent


def models(
    pattern: Annotated[str, typer.Argument(help="Part of a name, or a pattern such as 'resnet*d'.")] = "",
    json: Json = False,
) -> None:
    """List the networks with their costs and published accuracies."""
    rows = [row for row in _rows() if fnmatch(row["name"], pattern if "*" in pattern else f"*{pattern}*")]
    if not rows:
        names = [row["name"] for row in _rows()]
        raise WrongUse(f"{pattern}: no network's name fits{nearest(pattern, names)}")
    if json:
        print_json({"models": rows})
        return
    print(f"{'name':<18} {'input':>11} {'params, M':>10} {'MACs, M':>10} {'memory, MB':>11}  published accuracy")
    for row in rows:
        shape = "x".join(map(str, row["input_shape"]))
        memory = row["activation_bytes"] / 1e6
        print(
            f"{row['name']:<18} {shape:>11} {row['params'] / 1e6:>10.2f} {row['macs'] / 1e6:>10,.0f} {memory:>11.1f}"
            f"  {_published(row['published'])}"
        )


def _rows() -> list[dict[str, Any]]:
    from dataclasses import asdict
    from importlib.resources import files
    from json import loads

    from plusx.model.zoo import ZOO

    costs = loads((files("plusx.model") / "costs.json").read_text())
    return [
        {
            "name": name,
            "input_shape": list(network.input_shape),
            **costs[name],
            "activation_bytes": 4 * costs[name]["activations"],
            "published": None if network.published is None else asdict(network.published),
        }
        for name, network in ZOO.items()
    ]


def _published(published: dict[str, Any] | None) -> str:
    if published is None:
        return "-"
    return f"{percent(published['accuracy'])} {published['data']} ({published['source']})"
