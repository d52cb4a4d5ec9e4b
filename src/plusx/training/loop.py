"""The training loop: batch, loss, gradient, step. What it does is a function of recipe, data and step alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch

from plusx.data.cache import Prepared
from plusx.data.loader import Loader
from plusx.errors import PlusxError, WrongUse
from plusx.tasks import Task
from plusx.training.checkpoint import due_after_s, load_latest, save_checkpoint
from plusx.training.criterion import Goal
from plusx.training.distributed import World
from plusx.training.feed import build_loader
from plusx.training.interrupt import interrupt_after_step
from plusx.training.recipe import Recipe
from plusx.training.run import RunFolder
from plusx.training.start import begin_from, stored_start
from plusx.training.state import Best, State, Tally
from plusx.training.step import NotFinite, Outcome, score, train_step
from plusx.training.teacher import stored_teacher
from plusx.training.watch import Epoch, Step, Watcher
from plusx.training.whiten import whiten


@dataclass(frozen=True)
class Job:
    """One training, whole: what to do, on what, and where it is kept.

    `checkpoint_every_s` changes how much a kill can cost, never the result; None leaves it to what a checkpoint costs.
    Every process of `world` has the same job; the one that leads writes the run's files and tells the watcher.
    """

    recipe: Recipe
    task: Task
    classes: Sequence[str]
    train: Prepared
    val: Prepared
    run: RunFolder
    device: torch.device
    watcher: Watcher
    checkpoint_every_s: float | None = None
    world: World = field(default_factory=World)


def fit(job: Job) -> State:
    """Trains from the run's last checkpoint, or from the start, to the end; gives the state with the final weights.

    Raises:
        WrongUse: there are more processes than a batch can be shared by.
        PlusxError: the loss is no longer finite; a checkpoint cannot be written; the processes do not see the same one.
        KeyboardInterrupt: Ctrl-C was pressed; a checkpoint was written after the step under way.
    """
    state = State(job.recipe, job.task.network_options(job.classes), job.device, job.world)
    _continue(job, state)
    with interrupt_after_step() as interrupted:
        _run(job, state, interrupted)
    _save(job, state)
    state.network.load_state_dict(state.best.weights or state.kept())
    return state


def _continue(job: Job, state: State) -> None:
    # The leader first: it sets damaged checkpoints aside.
    led_to = job.world.told(lambda: str(_restore(job, state)))
    if not job.world.leads and str(_restore(job, state)) != led_to:
        raise PlusxError(
            f"{job.run.path}: process {job.world.rank} finds the checkpoint of step {state.step}, process 0 that of "
            f"step {led_to}; --out must be a folder that all machines share"
        )
    if job.recipe.whiten and state.step == 0:
        job.watcher.note(whiten(state, job.train, job.recipe.seed))
    if job.world.leads:
        job.run.keep_metrics(up_to_step=state.step)


def _restore(job: Job, state: State) -> int:
    checkpoint, damaged = load_latest(job.run.checkpoints)
    for line in damaged:
        job.watcher.note(line)
    if checkpoint is not None:
        state.restore(checkpoint)
        job.watcher.note(f"resumed after step {state.step}")
    elif (start := stored_start(job.run)) is not None:
        job.watcher.note(begin_from(start, state, job.classes))
    return state.step


def _run(job: Job, state: State, interrupted: Callable[[], bool]) -> None:
    recipe = job.recipe
    goal = Goal.of(recipe, job.task, job.train)
    if recipe.distill is not None:
        goal = replace(goal, teacher=stored_teacher(job.run, job.classes, job.device))
    loader = _loader(job)
    clock = _Clock(state.step)
    if _stopped_early(recipe, state, len(job.train)):
        return
    for batch in loader.stream(state.step, goal.steps):
        try:
            outcome = train_step(state, batch, goal, interrupted)
        except NotFinite as error:
            raise _stopped_at(job, state, error) from error
        state.tally.add(outcome.loss, outcome.hits, recipe.batch_size)
        progress = clock.step(job, state, goal.steps, outcome)
        if _validates(recipe, state, len(job.train)) or state.step == goal.steps:
            _finish_epoch(job, state, clock, goal.steps)
            if _stopped_early(recipe, state, len(job.train)):
                return
        if clock.checkpoint_is_due(job.checkpoint_every_s):
            with clock.checkpointing():
                _save(job, state)
        job.watcher.stepped(progress)
        if outcome.stop:
            _save(job, state)
            job.watcher.note(f"stopped after step {state.step}; --out {job.run.path} --resume goes on")
            # A launcher ends the others as soon as one has left.
            job.world.meet()
            raise KeyboardInterrupt


def _loader(job: Job) -> Loader:
    recipe = job.recipe
    # In pairs, so that the examples that are mixed with one another are in one process.
    part = job.world.share(recipe.batch_size, unit=2)
    if recipe.batch_size < 2 * job.world.size:
        raise WrongUse(
            f"--set batch_size={recipe.batch_size}: too few for {job.world.size} processes; each needs two examples"
        )
    return build_loader(recipe, job.train, job.device, part)


def _save(job: Job, state: State) -> None:
    if job.world.leads:
        save_checkpoint(job.run.checkpoints, state.checkpoint())


def _stopped_at(job: Job, state: State, error: NotFinite) -> PlusxError:
    last, _ = load_latest(job.run.checkpoints)
    good = f"the last good checkpoint is of step {last.step}" if last else "there is no checkpoint yet"
    epoch = state.step * job.recipe.batch_size / len(job.train)
    return PlusxError(
        f"{job.run.path}: {error} in the batch of step {state.step} (epoch {epoch:.1f}); nothing was updated, {good}; "
        f"try --set optimizer.lr={job.recipe.optimizer.lr / 4:g} in a new folder"
    )


def _validates(recipe: Recipe, state: State, count: int) -> bool:
    every = recipe.validate_every * count
    return state.step * recipe.batch_size // every > (state.step - 1) * recipe.batch_size // every


def _finish_epoch(job: Job, state: State, clock: _Clock, steps: int) -> None:
    loss, accuracy = score(state.evaluated(), job.task, job.val, job.device, job.world)
    tally = state.tally
    row = Epoch(
        epoch=job.recipe.epochs if state.step == steps else _epochs_done(job.recipe, state, len(job.train)),
        step=state.step,
        lr=job.recipe.optimizer.lr * job.recipe.schedule.factor((state.step - 1) / steps),
        train_loss=tally.loss / tally.seen,
        train_accuracy=tally.hits / tally.seen,
        val_loss=loss,
        val_accuracy=accuracy,
        samples_per_s=clock.samples_per_s(job, state),
        elapsed_s=clock.elapsed_s(),
        measure=job.task.MEASURE,
    )
    state.tally = Tally()
    if job.recipe.patience is not None and loss < state.best.loss:
        weights = {name: tensor.clone() for name, tensor in state.kept().items()}
        state.best = Best(loss, row.epoch, weights)
    if job.world.leads:
        job.run.append_metrics(row)
    job.watcher.finished_epoch(row, job.recipe.epochs)


def _stopped_early(recipe: Recipe, state: State, count: int) -> bool:
    since_best = _epochs_done(recipe, state, count) - state.best.epoch
    return recipe.patience is not None and state.best.epoch >= 0 and since_best >= recipe.patience


def _epochs_done(recipe: Recipe, state: State, count: int) -> int:
    return state.step * recipe.batch_size // count


class _Clock:
    """Times of this process; a resumed run's begin anew."""

    def __init__(self, first_step: int):
        self._first_step = first_step
        self._began = self._checkpointed = time.monotonic()
        self._cost_s = 0.0

    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def checkpoint_is_due(self, every_s: float | None) -> bool:
        return time.monotonic() - self._checkpointed >= due_after_s(every_s, self._cost_s)

    @contextmanager
    def checkpointing(self) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._checkpointed = time.monotonic()
        self._cost_s = self._checkpointed - began

    def samples_per_s(self, job: Job, state: State) -> float:
        return (state.step - self._first_step) * job.recipe.batch_size / self.elapsed_s()

    def step(self, job: Job, state: State, steps: int, outcome: Outcome) -> Step:
        per_s = self.samples_per_s(job, state)
        return Step(
            step=state.step,
            steps=steps,
            epoch=state.step * job.recipe.batch_size / len(job.train),
            loss=outcome.loss,
            accuracy=state.tally.hits / state.tally.seen,
            samples_per_s=per_s,
            remaining_s=(steps - state.step) * job.recipe.batch_size / per_s,
            measure=job.task.MEASURE,
        )
