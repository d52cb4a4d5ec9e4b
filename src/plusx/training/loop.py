"""The training loop: batch, loss, gradient, step. What it does is a function of recipe, data and step alone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from plusx.data.cache import Prepared
from plusx.data.loader import Batch, Loader, in_order
from plusx.errors import PlusxError
from plusx.tasks.classify import Classify
from plusx.training.checkpoint import load_latest, save_checkpoint
from plusx.training.interrupt import interrupt_after_step
from plusx.training.recipe import Recipe
from plusx.training.run import RunFolder
from plusx.training.state import Best, State, Tally
from plusx.training.watch import Epoch, Step, Watcher

# torch's generator is set anew for each step, so that dropout needs no stored state; the constant keeps the steps'
# seeds apart from the seed of the first weights.
STEP_SEED = 0x9E3779B9


@dataclass(frozen=True)
class Job:
    """One training, whole: what to do, on what, and where it is kept.

    `checkpoint_every_s` changes how much a kill can cost, never the result.
    """

    recipe: Recipe
    task: Classify
    classes: Sequence[str]
    train: Prepared
    val: Prepared
    run: RunFolder
    device: torch.device
    watcher: Watcher
    checkpoint_every_s: float = 30.0


def fit(job: Job) -> State:
    """Trains from the run's last checkpoint, or from the start, to the end; gives the state with the final weights.

    Raises:
        PlusxError: the loss is no longer finite; a checkpoint cannot be written.
        KeyboardInterrupt: Ctrl-C was pressed; a checkpoint was written after the step under way.
    """
    state = State(job.recipe, job.task.network_options(job.classes), job.device)
    _continue(job, state)
    with interrupt_after_step() as interrupted:
        _run(job, state, interrupted)
    save_checkpoint(job.run.checkpoints, state.checkpoint())
    if state.best.weights is not None:
        state.network.load_state_dict(state.best.weights)
    elif state.average is not None:
        state.network.load_state_dict(state.average.state)
    return state


def _continue(job: Job, state: State) -> None:
    checkpoint, damaged = load_latest(job.run.checkpoints)
    for line in damaged:
        job.watcher.note(line)
    if checkpoint is not None:
        state.restore(checkpoint)
        job.watcher.note(f"resumed after step {state.step}")
    job.run.keep_metrics(up_to_step=state.step)


def _run(job: Job, state: State, interrupted: Callable[[], bool]) -> None:
    recipe = job.recipe
    steps = recipe.steps(len(job.train))
    loader = Loader(job.train, recipe.batch_size, recipe.seed, recipe.augment, device=str(job.device))
    clock = _Clock(state.step)
    if _stopped_early(recipe, state, len(job.train)):
        return
    for batch in loader.stream(state.step, steps):
        try:
            loss, hits = train_step(state, batch, recipe, job.task, steps)
        except NotFinite as error:
            raise _stopped_at(job, state, error) from error
        state.tally.loss += loss * len(batch.targets)
        state.tally.hits += hits
        state.tally.seen += len(batch.targets)
        progress = clock.step(job, state, steps, loss)
        if _ends_epoch(state.step, recipe.batch_size, len(job.train)) or state.step == steps:
            _finish_epoch(job, state, clock, steps)
            if _stopped_early(recipe, state, len(job.train)):
                return
        if clock.since_checkpoint_s() >= job.checkpoint_every_s:
            save_checkpoint(job.run.checkpoints, state.checkpoint())
            clock.checkpointed()
        job.watcher.stepped(progress)
        if interrupted():
            save_checkpoint(job.run.checkpoints, state.checkpoint())
            job.watcher.note(f"stopped after step {state.step}; --out {job.run.path} --resume goes on")
            raise KeyboardInterrupt


def train_step(state: State, batch: Batch, recipe: Recipe, task: Classify, steps: int) -> tuple[float, int]:
    """One optimiser step of `steps`, in place; the batch's mean loss and its hits.

    Raises:
        NotFinite: the loss or the gradient is infinite or no number; nothing was updated.
    """
    torch.manual_seed(recipe.seed * STEP_SEED + state.step)
    rate = recipe.optimizer.lr * recipe.schedule.factor(state.step / steps)
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    state.network.train()
    with torch.autocast(batch.inputs.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
        outputs = state.network(batch.inputs)
        loss = task.loss(outputs.float(), batch.targets, recipe.label_smoothing)
    state.optimizer.zero_grad()
    loss.backward()
    length = _clip(state.network, recipe.clip_norm)
    value = loss.item()
    if not math.isfinite(value):
        raise NotFinite(f"the loss is {value}")
    if not math.isfinite(length):
        raise NotFinite(f"the gradient's length is {length}")
    state.optimizer.step()
    if state.average is not None:
        state.average.update(state.network, state.step)
    state.step += 1
    return value, int(task.hits(outputs, batch.targets))


class NotFinite(ArithmeticError):
    """A step whose loss or gradient is infinite or no number."""


def _clip(network: nn.Module, clip_norm: float | None) -> float:
    if clip_norm is None:
        return 0.0
    return float(nn.utils.clip_grad_norm_(network.parameters(), clip_norm))


def _stopped_at(job: Job, state: State, error: NotFinite) -> PlusxError:
    last, _ = load_latest(job.run.checkpoints)
    good = f"the last good checkpoint is of step {last.step}" if last else "there is no checkpoint yet"
    epoch = state.step * job.recipe.batch_size / len(job.train)
    return PlusxError(
        f"{job.run.path}: {error} in the batch of step {state.step} (epoch {epoch:.1f}); nothing was updated, {good}; "
        f"try --set optimizer.lr={job.recipe.optimizer.lr / 4:g} in a new folder"
    )


def _ends_epoch(steps_done: int, batch_size: int, count: int) -> bool:
    return steps_done * batch_size // count > (steps_done - 1) * batch_size // count


def _finish_epoch(job: Job, state: State, clock: _Clock, steps: int) -> None:
    loss, accuracy = score(state.evaluated(), job.task, job.val, job.device)
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
    )
    state.tally = Tally()
    if job.recipe.patience is not None and loss < state.best.loss:
        weights = state.average.state if state.average else state.network.state_dict()
        state.best = Best(loss, row.epoch, {name: tensor.clone() for name, tensor in weights.items()})
    job.run.append_metrics(row)
    job.watcher.finished_epoch(row, job.recipe.epochs)


def _stopped_early(recipe: Recipe, state: State, count: int) -> bool:
    since_best = _epochs_done(recipe, state, count) - state.best.epoch
    return recipe.patience is not None and state.best.epoch >= 0 and since_best >= recipe.patience


def _epochs_done(recipe: Recipe, state: State, count: int) -> int:
    return state.step * recipe.batch_size // count


@torch.inference_mode()
def score(network: nn.Module, task: Classify, prepared: Prepared, device: torch.device) -> tuple[float, float]:
    """The mean loss and the accuracy of a network in evaluation mode over all examples."""
    loss = torch.zeros((), dtype=torch.float64)
    hits = 0
    for batch in in_order(prepared, 512, device=str(device)):
        outputs: Tensor = network(batch.inputs).float()
        loss += float(task.loss(outputs, batch.targets)) * len(batch.targets)
        hits += int(task.hits(outputs, batch.targets))
    return float(loss) / len(prepared), hits / len(prepared)


class _Clock:
    """Times of this process; a resumed run's begin anew."""

    def __init__(self, first_step: int):
        self._first_step = first_step
        self._began = self._checkpointed = time.monotonic()

    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def since_checkpoint_s(self) -> float:
        return time.monotonic() - self._checkpointed

    def checkpointed(self) -> None:
        self._checkpointed = time.monotonic()

    def samples_per_s(self, job: Job, state: State) -> float:
        return (state.step - self._first_step) * job.recipe.batch_size / self.elapsed_s()

    def step(self, job: Job, state: State, steps: int, loss: float) -> Step:
        per_s = self.samples_per_s(job, state)
        return Step(
            step=state.step,
            steps=steps,
            epoch=state.step * job.recipe.batch_size / len(job.train),
            loss=loss,
            accuracy=state.tally.hits / state.tally.seen,
            samples_per_s=per_s,
            remaining_s=(steps - state.step) * job.recipe.batch_size / per_s,
        )
