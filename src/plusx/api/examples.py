"""The examples of a training: read, parted, decoded, and refused where too many are bad."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from plusx.api.plan import Plan
from plusx.data.audit.quick import quick_notes
from plusx.data.cache import Prepared, default_cache_dir, prepare_samples
from plusx.data.joined import join_samples
from plusx.data.modalities import MODALITIES, Spec
from plusx.data.samples import DataSet, Samples, hold_out_rows, read_dataset
from plusx.data.sources import Indices
from plusx.data.splits import folds
from plusx.errors import PlusxError, WrongUse
from plusx.training.distributed import World
from plusx.training.recipe import Recipe
from plusx.training.watch import Watcher
from plusx.words import numbers


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


def read_planned(plan: Plan) -> DataSet:
    """The plan's set as it is.

    Raises:
        WrongUse: there is no such set.
    """
    data_dir = None if plan.data_dir is None else Path(plan.data_dir)
    return read_dataset(plan.data, data_dir=data_dir, task=plan.asked, modality=plan.modality)


def words(samples: Samples) -> str:
    """What people call several of these examples."""
    return MODALITIES[samples.modality].many


def read_examples(plan: Plan, watcher: Watcher) -> Parted:
    """Reads the plan's set, and holds some examples out where it has no val split.

    Raises:
        WrongUse: there is no such set, or it has no train split.
        PlusxError: too few examples to hold some out, or a number to be learnt is the same in all training examples.
    """
    dataset = read_planned(plan)
    if not plan.score_test:
        dataset = replace(dataset, test=None)
    for note in dataset.notes:
        watcher.note(note)
    parted = _part(dataset, plan, watcher)
    _check_numbers(parted.dataset)
    return parted


def _part(dataset: DataSet, plan: Plan, watcher: Watcher) -> Parted:
    whole = dataset.split("train")
    if plan.fold_of is not None:
        return _part_by_fold(dataset, *plan.fold_of, plan.seed)
    if dataset.val is not None:
        return Parted(dataset)
    rest, held = hold_out_rows(whole, plan.val_fraction, plan.seed)
    if len(held) == 0:
        raise PlusxError(f"{dataset.origin}: too few examples to hold some out for validation; a class needs two")
    how = "the same share of every class" if whole.task in ("classify", "multilabel") else "at random"
    watcher.note(
        f"no val split: {len(held):,} of {len(whole):,} training {words(whole)} held out "
        f"({how}, seed {plan.seed}; listed in splits.csv)"
    )
    return Parted(replace(dataset, train=whole.take(rest), val=whole.take(held)), whole, (rest, held))


def _check_numbers(dataset: DataSet) -> None:
    train = dataset.split("train")
    if not train.measured:
        return
    for name, own in zip(train.classes, train.targets.T, strict=True):
        if (own == own[0]).all():
            raise PlusxError(
                f"{dataset.origin}: {name} is {numbers([own[0]])} in every training example, which leaves nothing to "
                "learn; list examples in which it differs, or remove the column"
            )


def outside_test(dataset: DataSet) -> Samples:
    """What folds are made of: all examples of the train and val splits.

    Raises:
        WrongUse: there is no train split.
    """
    return join_samples([dataset.split("train"), *([] if dataset.val is None else [dataset.val])])


def fold_rows(whole: Samples, count: int, seed: int) -> list[Indices]:
    """The places of each fold's examples, in order.

    Raises:
        WrongUse: fewer than two folds, or a class whose examples do not suffice for one in each.
    """
    rows = folds(whole, count, seed)
    if whole.task == "classify":
        _check_rarest(whole, count)
    return rows


def _check_rarest(whole: Samples, count: int) -> None:
    counts = whole.counts()
    rarest = int(np.where(counts > 0, counts, len(whole) + 1).argmin())
    if counts[rarest] < count:
        raise WrongUse(
            f"--folds {count}: the class {whole.classes[rarest]} has {counts[rarest]} examples; give at most so many, "
            "or more examples"
        )


def _part_by_fold(dataset: DataSet, number: int, count: int, seed: int) -> Parted:
    whole = outside_test(dataset)
    held = fold_rows(whole, count, seed)[number]
    rest = np.setdiff1d(np.arange(len(whole)), held)
    return Parted(replace(dataset, train=whole.take(rest), val=whole.take(held)), whole, (rest, held))


def prepare_examples(parted: Parted, recipe: Recipe, plan: Plan, watcher: Watcher) -> dict[str, Prepared]:
    """Every split decoded as the recipe says, by the split's name.

    Raises:
        PlusxError: more of a split than the plan allows cannot be used.
    """
    prepared: dict[str, Prepared] = {}
    alike = recipe.stored == recipe.preprocessing
    if parted.whole is not None and parted.rows is not None and (alike or plan.fold):
        # Once for all seeds and folds: what is held out differs, the pictures do not.
        whole = _decode("train and val", parted.whole, recipe.stored, plan, watcher)
        held = whole if alike else _decode("train and val", parted.whole, recipe.preprocessing, plan, watcher)
        prepared = {"train": whole.among(parted.rows[0]), "val": held.among(parted.rows[1])}
    specs: dict[str, Spec] = {"train": recipe.stored, "val": recipe.preprocessing, "test": recipe.preprocessing}
    for split, spec in specs.items():
        samples: Samples | None = getattr(parted.dataset, split)
        if split not in prepared and samples is not None:
            prepared[split] = _decode(split, samples, spec, plan, watcher)
    for split, part in prepared.items():
        _check_skipped(parted.dataset, split, part, plan)
    return prepared


def prepare_together(parted: Parted, recipe: Recipe, plan: Plan, watcher: Watcher, world: World) -> dict[str, Prepared]:
    """`prepare_examples` in every process; with a cache, one process of each machine decodes for all of them.

    Raises:
        PlusxError: more of a split than the plan allows cannot be used, or the processes do not have the same examples.
    """
    with world.in_turn() if plan.cache else nullcontext():
        prepared = prepare_examples(parted, recipe, plan, watcher)
    here = _digest(prepared)
    if world.told(lambda: here) != here:
        raise PlusxError(
            f"{parted.dataset.origin}: process {world.rank} does not have the examples that process 0 has; every "
            "machine must have the same files, and all of them readable"
        )
    world.meet()
    return prepared


def note_findings(prepared: Mapping[str, Prepared], plan: Plan, watcher: Watcher) -> list[str]:
    """Tells what a quick look at the decoded examples found, and gives it back: copies in two splits or under two
    labels, unequal classes.

    Of several folds the first one tells it.
    """
    found = [f"{note}; plusx audit {plan.data} shows them" for note in quick_notes(prepared)]
    if plan.fold_of is None or plan.fold_of[0] == 0:
        for note in found:
            watcher.note(note)
    return found


def _digest(prepared: Mapping[str, Prepared]) -> str:
    """SHA-256 in hex of which examples there are in which order, and of their targets; not of their contents."""
    digest = hashlib.sha256()
    for split, part in prepared.items():
        digest.update(
            f"{split} {part.kept.dtype} {len(part)}\0".encode() + part.kept.tobytes() + part.targets.tobytes()
        )
    return digest.hexdigest()


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
            f"{dataset.origin}: {len(prepared.skipped):,} of {total:,} {split} {words(prepared.samples)} cannot be "
            f"used (first {first.name}: {first.reason}); mend them, or allow more with --max-skipped "
            f"{100 * share + 0.5:.0f}%"
        )
