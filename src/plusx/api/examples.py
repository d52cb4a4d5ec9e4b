"""The examples of a training: read, parted, decoded, and refused where too many are bad."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from plusx.api.plan import Plan
from plusx.data.cache import Prepared, default_cache_dir, prepare_samples
from plusx.data.modalities import Spec
from plusx.data.samples import DataSet, Samples, hold_out_rows, read_dataset
from plusx.data.sources import Indices
from plusx.errors import PlusxError
from plusx.training.recipe import Recipe
from plusx.training.watch import Watcher


@dataclass(frozen=True)
class Parted:
    """A set with a val split. Where that was held out, `whole` is what train and val were, at the places `rows`."""

    dataset: DataSet
    whole: Samples | None = None
    rows: tuple[Indices, Indices] | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 in hex that changes whenever what is trained or validated on may have."""
        digest = hashlib.sha256(repr(self.dataset.classes).encode())
        for samples in (self.dataset.split("train"), self.dataset.split("val")):
            digest.update(samples.source.fingerprint().encode() + samples.targets.tobytes())
        return digest.hexdigest()


def read_examples(plan: Plan, watcher: Watcher) -> Parted:
    """Reads the plan's set, and holds some examples out where it has no val split.

    Raises:
        WrongUse: there is no such set, or it has no train split.
        PlusxError: too few examples to hold some out.
    """
    dataset = read_dataset(plan.data, data_dir=None if plan.data_dir is None else Path(plan.data_dir))
    for note in dataset.notes:
        watcher.note(note)
    whole = dataset.split("train")
    if dataset.val is not None:
        return Parted(dataset)
    rest, held = hold_out_rows(whole, plan.val_fraction, plan.seed)
    if len(held) == 0:
        raise PlusxError(f"{dataset.origin}: too few pictures to hold some out for validation; a class needs two")
    watcher.note(
        f"no val split: {len(held):,} of {len(whole):,} training pictures held out (the same share of every class, "
        f"seed {plan.seed}; listed in splits.csv)"
    )
    return Parted(replace(dataset, train=whole.take(rest), val=whole.take(held)), whole, (rest, held))


def prepare_examples(parted: Parted, recipe: Recipe, plan: Plan, watcher: Watcher) -> dict[str, Prepared]:
    """Every split decoded as the recipe says, by the split's name.

    Raises:
        PlusxError: more of a split than the plan allows cannot be used.
    """
    prepared: dict[str, Prepared] = {}
    if parted.whole is not None and parted.rows is not None and recipe.stored == recipe.preprocessing:
        # Once for all seeds: what is held out differs, the pictures do not.
        whole = _decode("train and val", parted.whole, recipe.preprocessing, plan, watcher)
        prepared = {"train": whole.among(parted.rows[0]), "val": whole.among(parted.rows[1])}
    specs: dict[str, Spec] = {"train": recipe.stored, "val": recipe.preprocessing, "test": recipe.preprocessing}
    for split, spec in specs.items():
        samples: Samples | None = getattr(parted.dataset, split)
        if split not in prepared and samples is not None:
            prepared[split] = _decode(split, samples, spec, plan, watcher)
    for split, part in prepared.items():
        _check_skipped(parted.dataset, split, part, plan)
    return prepared


def _decode(name: str, samples: Samples, spec: Spec, plan: Plan, watcher: Watcher) -> Prepared:
    prepared = prepare_samples(
        samples,
        spec,
        cache=default_cache_dir() if plan.cache else None,
        on_progress=lambda done, total: watcher.preparing(name, done, total),
    )
    if prepared.note:
        watcher.note(prepared.note)
    return prepared


def _check_skipped(dataset: DataSet, split: str, prepared: Prepared, plan: Plan) -> None:
    total = len(prepared) + len(prepared.skipped)
    share = len(prepared.skipped) / max(1, total)
    if len(prepared) == 0 or share > plan.max_skipped:
        first = prepared.skipped[0]
        raise PlusxError(
            f"{dataset.origin}: {len(prepared.skipped):,} of {total:,} {split} pictures cannot be used (first "
            f"{first.name}: {first.reason}); mend them, or allow more with --max-skipped {100 * share + 0.5:.0f}%"
        )
