"""Keras 3 on JAX, on MNIST: the convnet of Keras's own example, or a small residual network. Prints JSON.

    python benchmarks/peers/keras_jax.py [--data-dir data/mnist] [--seed 0] [--epochs 1 | --budget SECONDS]
        [--network convnet|resnet] [--moved]

The example (keras.io/examples/vision/mnist_convnet): batch 128, Adam with its defaults, 15 epochs; here the rate
falls along half a cosine, and no pictures are held out. Compiling counts.
"""

# Keras and JAX are no dependencies of this project; see requirements.txt beside this file.
# pyright: reportMissingImports=false
from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from contest import Contest, options, read_mnist

os.environ["KERAS_BACKEND"] = "jax"

import keras
from keras import layers

BATCH_SIZE = 128
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--network", choices=list(NETWORKS), default="convnet")
    parser.add_argument("--moved", action="store_true", help="each epoch each digit by up to two pixels")
    chosen = parser.parse_args()

    contest = Contest(chosen)
    pictures, classes = scaled(*read_mnist(chosen.data_dir, "train"))
    test_pictures, test_classes = scaled(*read_mnist(chosen.data_dir, "t10k"))
    steps_an_epoch = -(-len(classes) // BATCH_SIZE)

    rng = np.random.default_rng(chosen.seed)
    change = moved if chosen.moved else None

    def trial(steps: int) -> None:
        train(compiled(chosen.network, steps_an_epoch), pictures, classes, steps, rng, change)

    length = contest.length(steps_an_epoch, trial)
    keras.utils.set_random_seed(chosen.seed)
    model = compiled(chosen.network, length.steps)
    for steps in length.parts():
        train(model, pictures, classes, steps, rng, change)
        contest.score(lambda: accuracy(model, test_pictures, test_classes))
    contest.report(length)


def scaled(pictures: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (count, 28, 28, 1) from 0 to 1, and their classes (count,)."""
    return pictures[..., None].astype(np.float32) / 255, classes


def compiled(network: str, steps: int) -> Any:
    model = keras.Sequential([keras.Input((28, 28, 1)), *NETWORKS[network]()])
    rate: Any = keras.optimizers.schedules.CosineDecay(1e-3, steps)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


def train(
    model: Any,
    pictures: np.ndarray,
    classes: np.ndarray,
    steps: int,
    rng: np.random.Generator,
    change: Change | None,
) -> None:
    """So many steps on, of at most an epoch; of a part of one, the pictures are drawn."""
    if (count := steps * BATCH_SIZE) < len(classes):
        drawn = rng.permutation(len(classes))[:count]
        pictures, classes = pictures[drawn], classes[drawn]
    if change:
        pictures = change(pictures, rng)
    model.fit(pictures, classes, batch_size=BATCH_SIZE, epochs=1, verbose=0)


def moved(pictures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All at once in NumPy: Keras's RandomTranslation would make each step half as long again."""
    padded = np.pad(pictures, ((0, 0), (2, 2), (2, 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (28, 28), axis=(1, 2))
    down, right = rng.integers(0, 5, (2, len(pictures)))
    return windows[np.arange(len(pictures)), down, right].reshape(pictures.shape)


def accuracy(model: Any, pictures: np.ndarray, classes: np.ndarray) -> float:
    outputs = model.predict(pictures, batch_size=1000, verbose=0)
    return float((outputs.argmax(1) == classes).mean())


def convnet() -> list[Any]:
    return [
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]


def resnet() -> list[Any]:
    """Three blocks of 32, 64 and 128 channels."""
    return [
        layers.Conv2D(32, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        Block(32),
        Block(64, strides=2),
        Block(128, strides=2),
        layers.GlobalAveragePooling2D(),
        layers.Dense(10, activation="softmax"),
    ]


class Block(layers.Layer):
    """Two 3x3 convolutions and their shortcut."""

    def __init__(self, filters: int, strides: int = 1):
        super().__init__()
        self.branch = keras.Sequential(
            [
                layers.Conv2D(filters, 3, strides, padding="same", use_bias=False),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.Conv2D(filters, 3, padding="same", use_bias=False),
                layers.BatchNormalization(),
            ]
        )
        self.shortcut = layers.Identity() if strides == 1 else layers.Conv2D(filters, 1, strides, use_bias=False)

    def call(self, x: Any, training: bool = False) -> Any:
        return keras.ops.relu(self.branch(x, training=training) + self.shortcut(x))


NETWORKS = {"convnet": convnet, "resnet": resnet}


if __name__ == "__main__":
    main()
