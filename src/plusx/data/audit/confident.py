"""Labels that are probably wrong, by confident learning (Northcutt, Jiang and Chuang, arXiv 1911.00068).

From probabilities that each example got from a model which was not trained on it, the joint distribution of given and
true labels is estimated; it says how many examples of each given label belong to other labels, and the probabilities
say which.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64

Labels = Int64[np.ndarray, " count"]
Probabilities = Float[np.ndarray, "count classes"]


class Suspects(NamedTuple):
    """Examples whose label is probably wrong, the surest first.

    Args:
        rows: their places.
        proposed: the likelier class of each.
        margin: the given class's probability less the proposed one's, -1 to 0.
    """

    rows: Int64[np.ndarray, " suspects"]
    proposed: Int64[np.ndarray, " suspects"]
    margin: Float[np.ndarray, " suspects"]


def thresholds(labels: Labels, probabilities: Probabilities) -> Float[np.ndarray, " classes"]:
    """Each class's mean probability among the examples that are labelled so; infinite where there are none.

    >>> thresholds(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])).tolist()
    [0.7, 0.8]
    """
    classes = probabilities.shape[1]
    counts = np.bincount(labels, minlength=classes)
    own = np.bincount(labels, weights=probabilities[np.arange(len(labels)), labels], minlength=classes)
    return np.where(counts > 0, own / np.maximum(counts, 1), np.inf)


def confident_joint(labels: Labels, probabilities: Probabilities) -> Int64[np.ndarray, "classes classes"]:
    """How many examples with each given label (rows) are confidently of each class (columns): of those classes whose
    threshold an example's probabilities reach, the likeliest; examples that reach none are not counted."""
    reached = probabilities >= thresholds(labels, probabilities)
    likeliest = np.where(reached, probabilities, -1.0).argmax(axis=1)
    counted = reached.any(axis=1)
    joint = np.zeros((probabilities.shape[1],) * 2, np.int64)
    np.add.at(joint, (labels[counted], likeliest[counted]), 1)
    return joint


def estimated_joint(labels: Labels, probabilities: Probabilities) -> Float[np.ndarray, "classes classes"]:
    """The estimated joint distribution of given (rows) and true labels (columns): the confident joint whose rows are
    brought to the given labels' counts, and its sum to 1. A label of which no example is confident is taken as given.
    """
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    joint = confident_joint(labels, probabilities).astype(np.float64)
    empty = joint.sum(axis=1) == 0
    joint[empty, empty.nonzero()[0]] = 1
    scaled = joint / joint.sum(axis=1, keepdims=True) * counts[:, None]
    return scaled / scaled.sum()


def wrong_labels(labels: Labels, probabilities: Probabilities) -> Suspects:
    """Examples whose labels are probably wrong, the lowest margin first: the paper's pruning by class.

    Of each label as many as the joint says to be wrong are asked for, once those whose own class is least probable,
    once those whose margin is lowest, and taken where both agree. (Pruning by noise rate asks for each pair of classes,
    of which most are expected less than once where there are many.)
    """
    joint = estimated_joint(labels, probabilities) * len(labels)
    rows = np.arange(len(labels))
    own, others = probabilities[rows, labels], probabilities.copy()
    others[rows, labels] = -1
    proposed, margin = others.argmax(axis=1), own - others.max(axis=1)
    wrong = np.round(joint.sum(axis=1) - joint.diagonal()).astype(np.int64)
    # What the model itself finds likeliest is no suspect, whatever the counts say.
    found = np.flatnonzero(_lowest(labels, own, wrong) & _lowest(labels, margin, wrong) & (margin < 0))
    found = found[np.argsort(margin[found], kind="stable")]
    return Suspects(found, proposed[found], margin[found])


def _lowest(
    labels: Labels, values: Float[np.ndarray, " count"], wanted: Int64[np.ndarray, " classes"]
) -> Bool[np.ndarray, " count"]:
    """Whether each example is among the `wanted` of its label with the lowest values."""
    found = np.zeros(len(labels), bool)
    for label, most in enumerate(wanted.tolist()):
        rows = np.flatnonzero(labels == label)
        found[rows[np.argsort(values[rows], kind="stable")[:most]]] = True
    return found
