"""`ResNetClassifier`: scikit-learn's contract over residual networks, for examples that are arrays already."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from plusx.archive import write_archive
from plusx.data.array import ArraySpec
from plusx.data.cache import Prepared
from plusx.data.sources import ArraySource, Samples
from plusx.engines.torch import TorchEngine
from plusx.tasks.classify import Classify
from plusx.tasks.softmax import softmax
from plusx.training.criterion import Goal
from plusx.training.feed import build_loader
from plusx.training.recipe import Recipe, Sgd
from plusx.training.state import State
from plusx.training.step import train_step
from plusx.training.store import build_archive

BATCH_SIZE = 256


class ResNetClassifier(ClassifierMixin, BaseEstimator):
    """A residual network as a scikit-learn classifier.

    Args:
        model: a network of the zoo.
        num_filters: the first stage's width.
        epochs: how often each example is seen.
        batch_size: examples a step; never more than there are.
        lr: the peak of the one-cycle learning rate.
        weight_decay: of weights, not of normalisations and biases.
        random_state: decides first weights and order.

    Shapes: X is `(count, features)`, `(count, height, width)` or `(count, height, width, channels)`; y is `(count,)` of
    any labels. Features have no neighbours, so each is a channel at one position: the blocks' convolutions are then
    linear layers with shortcuts.

    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = ResNetClassifier(epochs=3, random_state=0).fit(X[:1000].reshape(-1, 8, 8), y[:1000])
    >>> bool(classifier.score(X[1000:].reshape(-1, 8, 8), y[1000:]) > 0.8)
    True
    """

    def __init__(
        self,
        model: str = "resnet8",
        num_filters: int = 32,
        epochs: float = 20,
        batch_size: int = 32,
        lr: float = 0.05,
        weight_decay: float = 5e-4,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.model = model
        self.num_filters = num_filters
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Trains on X and y.

        Raises:
            ValueError: X or y is not what the class describes, or y has but one class.
        """
        X, y = validate_data(self, X, y, allow_nd=True, dtype=np.float32)
        check_classification_targets(y)
        self.classes_, targets = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"ResNetClassifier needs two classes or more; y has 1 class: {self.classes_[0]!r}")
        stored = _channels_last(X)
        recipe = self._recipe(stored)
        labels = tuple(str(index) for index in range(len(self.classes_)))
        samples = Samples(ArraySource(stored, "X"), targets.astype(np.int64), labels)
        net = _train(recipe, Prepared.of(samples, recipe.preprocessing, stored))
        self.archive_ = build_archive(net, recipe, Classify(), labels, {})
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Each class's probability, `(count, classes)` in the order of `classes_`."""
        check_is_fitted(self)
        X = validate_data(self, X, allow_nd=True, dtype=np.float32, reset=False)
        inputs = np.moveaxis(_channels_last(X), -1, 1)
        engine = TorchEngine(self.archive_)
        outputs = [engine(inputs[start : start + BATCH_SIZE]) for start in range(0, len(inputs), BATCH_SIZE)]
        return softmax(np.concatenate(outputs))

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class of each example, `(count,)`."""
        # First, since `classes_` is not there before a fit.
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def save(self, path: str | Path) -> Path:
        """Writes the trained network as a `.plusx` file; its labels are the places in `classes_`."""
        check_is_fitted(self)
        return write_archive(self.archive_, Path(path))

    def _recipe(self, stored: np.ndarray) -> Recipe:
        axes = tuple(range(stored.ndim - 1))
        std = stored.std(axis=axes, dtype=np.float64)
        spec = ArraySpec(
            sizes=(stored.shape[-1], *stored.shape[1:-1]),
            mean=tuple(stored.mean(axis=axes, dtype=np.float64).tolist()),
            # A constant feature tells nothing, whatever it is divided by.
            std=tuple(np.where(std > 1e-12, std, 1.0).tolist()),
        )
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        return Recipe(
            name="estimator",
            seed=seed,
            model=self.model,
            model_options={"dims": len(spec.sizes) - 1, "num_filters": self.num_filters, "shortcut": "B"},
            preprocessing=spec,
            batch_size=max(2, min(self.batch_size, len(stored))),
            epochs=self.epochs,
            optimizer=Sgd(lr=self.lr, weight_decay=self.weight_decay),
        )


def _channels_last(X: np.ndarray) -> np.ndarray:
    """X as examples are stored, `(count, *space, channels)`."""
    if X.ndim == 2:
        return np.ascontiguousarray(X[:, None, :])
    return np.ascontiguousarray(X[..., None] if X.ndim == 3 else X)


def _train(recipe: Recipe, prepared: Prepared) -> Any:
    state = State(recipe, Classify().network_options(prepared.classes), torch.device("cpu"))
    goal = Goal.of(recipe, Classify(), prepared)
    loader = build_loader(recipe, prepared, torch.device("cpu"))
    for batch in loader.stream(0, goal.steps):
        train_step(state, batch, goal)
    return state.net
