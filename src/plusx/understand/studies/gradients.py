"""How does the shortcut solve vanishing gradients?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, PositiveFloat, PositiveInt

from plusx.data.loader import Batch, in_order
from plusx.model.resnet import ResNet
from plusx.understand.studies.gradient_drawings import PANELS, VANISHED
from plusx.understand.studies.gradient_norms import CASES, Case, Norms, gradient_norms, start_with_unit_gain
from plusx.understand.studies.pictures import Pictures
from plusx.understand.studies.spread import Finding, Row, by_seed, compare, judge, percents, spread, unique
from plusx.understand.studies.study import Note, Settings, Study
from plusx.understand.studies.training import errors, first_state, fit_net, layers_of

NORMALISED = ("plain, batch norm", "residual, batch norm")


class Gradients(Settings, frozen=True):
    """`blocks` of each network's stages at the start; those of the networks that are trained in `trained_blocks`."""

    blocks: tuple[PositiveInt, ...] = Field(default=(1, 3, 5, 9, 18), min_length=2)
    trained_blocks: PositiveInt = 9
    lr_without_norm: PositiveFloat = Field(default=0.01, description="without normalisation 0.1 is far too much")


def run(settings: Gradients, pictures: Pictures, note: Note) -> list[Row]:
    """Rows of `moment` start and training: `case`, `layers`, `seed`, `epoch`, `weights`, `maps`, `arrives`.

    `weights` and `maps` are as `Norms`; `arrives` is the length of the gradient at the first block's output as a share
    of that at the last one's. Rows of `moment` end have `train_error`, `test_error` and `diverged` instead.
    """
    batch = next(in_order(pictures.train, settings.batch_size))
    rows: list[Row] = []
    for seed in settings.seeds:
        for name, case in CASES.items():
            for blocks in settings.blocks:
                state = first_state(settings, pictures, blocks, seed, dict(case.options))
                _begin(case, state.net)
                found = _columns(gradient_norms(state.network, batch))
                about = {"case": name, "layers": layers_of(blocks), "seed": seed}
                rows.append({"moment": "start", **about, "epoch": 0, **found})
            rows += _trained(settings, pictures, batch, name, seed)
            end = rows[-1]
            note(f"seed {seed}, {name}: training error {percents(end['train_error'])}{', diverged' * end['diverged']}")
    return rows


def _trained(settings: Gradients, pictures: Pictures, batch: Batch, name: str, seed: int) -> list[Row]:
    case = CASES[name]
    about = {"case": name, "layers": layers_of(settings.trained_blocks), "seed": seed}
    rows: list[Row] = []
    bare = case.options.get("norm") == "none"
    own = settings.model_copy(update={"lr": settings.lr_without_norm}) if bare else settings
    every = max(1, math.ceil(settings.epochs / 3))

    def look(epoch: int, network: Any) -> None:
        if epoch % every == 0:
            rows.append({"moment": "training", **about, "epoch": epoch, **_columns(gradient_norms(network, batch))})

    fitted = fit_net(
        own,
        pictures,
        settings.trained_blocks,
        seed,
        dict(case.options),
        begin=lambda net: _begin(case, net),
        after_epoch=look,
    )
    return [*rows, {"moment": "end", **about, **errors(fitted, pictures), "diverged": fitted.diverged}]


def _begin(case: Case, net: ResNet) -> None:
    if case.unit_gain:
        start_with_unit_gain(net)


def _columns(norms: Norms) -> Row:
    last = norms.maps[-1]
    arrives = norms.maps[0] / last if last > 0 and math.isfinite(last) else None
    return {"weights": norms.weights, "maps": norms.maps, "arrives": arrives}


def findings(rows: Sequence[Row]) -> list[Finding]:
    """What shortcuts do to gradients, what normalisation does, and what is left when both are well."""
    start = [row for row in rows if row["moment"] == "start"]
    deep = max(row["layers"] for row in start)
    trained = rows[-1]["layers"]

    def arrives(case: str) -> tuple[str, dict[int, float]]:
        return f"{case}, {deep} layers", by_seed(start, "arrives", case=case, layers=deep)

    limit = ("", dict.fromkeys(unique(rows, "seed"), VANISHED))

    def at_end(case: str) -> tuple[str, dict[int, float]]:
        return f"{case}, {trained} layers", by_seed(rows, "train_error", moment="end", case=case)

    return [
        _factors(
            "With neither normalisation nor a start that takes account of ReLU, a plain network's gradient vanishes on "
            f"its way to the first block (less than {VANISHED:g} of it arrives).",
            limit,
            arrives("plain, no norm, unit gain"),
        ),
        _factors("There, shortcuts let it arrive.", arrives("residual, no norm, unit gain"), limit),
        _factors(
            "With batch normalisation the plain network's gradient does not vanish: no shortcut is needed for it.",
            arrives("plain, batch norm"),
            limit,
        ),
        _factors(
            f"Nor does it grow out of measure: before training less than {1 / VANISHED:,.0f} times as much arrives.",
            ("", dict.fromkeys(unique(rows, "seed"), 1 / VANISHED)),
            arrives("plain, batch norm"),
        ),
        compare(
            "Degradation stays: with batch normalisation the plain network's training error is the higher one.",
            at_end("plain, batch norm"),
            at_end("residual, batch norm"),
            percents,
        ),
        _factors(
            "With batch normalisation the gradient's length changes less on its way through pre-activation blocks (v2) "
            "than through v1's.",
            *(_changes(arrives(case)) for case in ("residual, batch norm", "residual v2, batch norm")),
        ),
    ]


def _changes(arrives: tuple[str, Mapping[int, float]]) -> tuple[str, dict[int, float]]:
    """By which factor, up or down."""
    name, values = arrives
    return f"{name}, factor", {seed: max(value, 1 / value) for seed, value in values.items() if value}


def _factors(claim: str, larger: tuple[str, Mapping[int, float]], smaller: tuple[str, Mapping[int, float]]) -> Finding:
    """As `compare`, of numbers that differ by factors: their logarithms are compared, and each seed is shown.

    What has no name is a limit, which the claim names.
    """
    floor = 1e-45
    logs = [
        math.log(max(value or 0.0, floor) / max(smaller[1][seed] or 0.0, floor)) for seed, value in larger[1].items()
    ]
    words = "; ".join(f"{name}: {_listed(values)}" for name, values in (larger, smaller) if name)
    return Finding(claim, judge(logs), f"{words}.")


def _listed(values: Mapping[int, float]) -> str:
    shown = [f"{float(f'{value or 0.0:.2g}'):,g}" for value in values.values()]
    return shown[0] if len(set(shown)) == 1 else ", ".join(shown)


def answer(rows: Sequence[Row]) -> list[str]:
    """The question that everybody asks, answered with this run's numbers."""
    vanishes, mended, healthy, _, stays, _ = findings(rows)
    parts = [
        (
            "in a plain network without normalisation, whose first weights take no account of ReLU, it vanishes",
            vanishes,
        ),
        ("shortcuts mend that", mended),
        ("batch normalisation mends it without shortcuts", healthy),
        ("and the plain network still learns its training set worse", stays),
    ]
    told = "; ".join(f"{words} ({finding.status})" for words, finding in parts)
    lines = [f"In short, and as far as this run shows it: {told}."]
    if all(finding.status == "shown" for _, finding in parts):
        lines.append(
            "So vanishing gradients are not what shortcuts were needed for in the paper's networks, which all have "
            "batch normalisation: He et al. say the same in section 4.1. What shortcuts mend there is degradation, "
            "that is, how hard the loss is to minimise."
        )
    return [*lines, _uneven(rows)]


def _uneven(rows: Sequence[Row]) -> str:
    deep = max(row["layers"] for row in rows if row["moment"] == "start")
    trained = next(row["layers"] for row in rows if row["moment"] == "end")
    plain, residual = (_listed(by_seed(rows, "arrives", moment="start", case=case, layers=deep)) for case in NORMALISED)
    after = _listed(by_seed(rows, "arrives", moment="training", case=NORMALISED[0]))
    return (
        "But that the gradient does not vanish does not mean that it is even. Before training, the first block of "
        f"{deep} layers gets so many times the gradient of the last one, a number a seed: {plain} in the plain network "
        f"with batch normalisation, {residual} with shortcuts. After training it is {after} in the plain one of "
        f"{trained} layers. This run cannot tell how much of the degradation comes of the start."
    )


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[Any]]]:
    """What arrives at the first block, at the start and at the end of training, and the errors."""
    start = [row for row in rows if row["moment"] == "start"]
    ends = [row for row in rows if row["moment"] == "end"]
    trained = ends[0]["layers"]
    deep = max(row["layers"] for row in start)
    lines: list[list[Any]] = []
    for case in unique(rows, "case"):
        during = [row for row in rows if row["moment"] == "training"]
        diverged = sum(row["diverged"] for row in ends if row["case"] == case)
        errors_of = list(by_seed(ends, "train_error", case=case).values())
        lines.append(
            [
                case,
                _listed(by_seed(start, "arrives", case=case, layers=deep)),
                _listed(by_seed(during, "arrives", case=case)),
                spread(errors_of, percents),
                diverged,
            ]
        )
    columns = ["network", f"arrives at the start, {deep} layers", f"after training, {trained}", "training error"]
    return [*columns, "seeds that diverged"], lines


GRADIENTS = Study(
    name="gradients",
    question="How does the shortcut solve vanishing gradients?",
    source="He et al., arXiv 1512.03385, section 4.1; He et al., arXiv 1603.05027, section 2",
    claim="Plain networks with batch normalisation have gradients of healthy length, and still degrade; the first "
    "paper argues that vanishing gradients are unlikely to be the cause. The second shows that identity shortcuts with "
    "nothing after the addition (pre-activation, v2) carry a gradient straight to any block, so that it does not "
    "vanish.",
    settings=Gradients(),
    quick=Gradients(blocks=(1, 3, 9), trained_blocks=9, epochs=6, side=14, train=1500, test=1500),
    run=run,
    findings=findings,
    table=table,
    panels=PANELS,
    limits="Networks without normalisation have a tenth of the learning rate. 'Unit gain' are first weights of "
    "Glorot and Bengio (2010), the others He et al.'s (arXiv 1502.01852), which take account of ReLU. Neither paper "
    "has such a table: networks without normalisation show what shortcuts mend where nothing else does.",
    answer=answer,
)
