"""What a classifier's verdicts are worth: counts, precision, recall, F1, and calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.runtime import as_array, whole

__all__ = ["calibration", "confusion", "report"]


def confusion(
    truth: ArrayLike, guess: ArrayLike, *, classes: int | None = None
) -> NDArray[np.int64]:
    """Count how often each class was taken for each.

    Parameters
    ----------
    truth, guess
        N classes each, whole numbers from 0 on.
    classes
        K; by default one more than the largest number that occurs.

    Returns
    -------
    ndarray of int64
        Shape (K, K); row i, column j counts those of class i that were taken for j.

    Raises
    ------
    TypeError, ValueError
        If they are no such numbers, not as many, or none at all.

    Examples
    --------
    >>> confusion([0, 0, 1], [0, 1, 1])  # (K, K)
    array([[1, 1],
           [0, 1]])
    """
    rows, columns = _classes("truth", truth), _classes("guess", guess)
    if rows.shape != columns.shape:
        raise ValueError(
            f"truth and guess must be as many, got shapes {rows.shape} and {columns.shape}"
        )
    most = int(max(rows.max(), columns.max())) + 1
    K = most if classes is None else whole("classes", classes, most)
    counts: NDArray[np.int64] = np.bincount(rows * K + columns, minlength=K * K).reshape(K, K)
    return counts


def report(matrix: ArrayLike) -> dict[str, Any]:
    """Return the marks that follow from a confusion matrix.

    Precision is the share of right ones among those taken for a class, recall the share found of
    those that belong to it, and F1 their harmonic mean. Where a share is of nothing it is 0.

    Parameters
    ----------
    matrix
        Counts, shape (K, K), as from :func:`confusion`.

    Returns
    -------
    dict
        ``"precision"``, ``"recall"`` and ``"f1"``, an array (K,) each; ``"accuracy"``;
        ``"macro f1"``, the mean of the classes' F1; ``"micro f1"``, from the counts of all classes
        together: where each example has one class it equals the accuracy.

    Raises
    ------
    ValueError
        If the matrix is not square, or counts nothing.

    Examples
    --------
    >>> marks = report([[8, 2], [1, 1]])
    >>> float(marks["accuracy"]), marks["recall"].tolist()
    (0.75, [0.8, 0.5])
    """
    counts = np.asarray(matrix, dtype=float)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.sum() > 0:
        raise ValueError(f"matrix must be square and count something, got shape {counts.shape}")
    hit, belong, taken = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    f1 = _share(2 * hit, belong + taken)
    return {
        "precision": _share(hit, taken),
        "recall": _share(hit, belong),
        "f1": f1,
        "accuracy": hit.sum() / counts.sum(),
        "macro f1": f1.mean(),
        "micro f1": 2 * hit.sum() / (belong.sum() + taken.sum()),
    }


def calibration(
    truth: ArrayLike, probability: ArrayLike, *, bins: int = 10
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], float]:
    """Compare what probabilities say with what comes of it.

    Parameters
    ----------
    truth
        N labels, 0 or 1.
    probability
        N probabilities of label 1.
    bins
        Into how many equal stretches 0 to 1 is cut; the left end of one belongs to it.

    Returns
    -------
    said, came, counts : ndarray
        For each stretch that is not empty: the mean probability, the share of label 1, how many.
    error : float
        The expected calibration error, the mean of ``abs(said - came)`` over all N.

    Raises
    ------
    TypeError, ValueError
        If these are no such numbers.

    References
    ----------
    Guo et al. (2017), On calibration of modern neural networks.

    Examples
    --------
    >>> said, came, counts, error = calibration([0, 1, 1], [0.1, 0.8, 0.9], bins=2)
    >>> said.round(2).tolist(), came.tolist(), counts.tolist(), round(error, 3)
    ([0.1, 0.85], [0.0, 1.0], [1, 2], 0.133)
    """
    labels, p = _classes("truth", truth), as_array(probability).astype(float)
    if labels.max() > 1:
        raise ValueError(f"truth must be 0 or 1, got {labels.max()}")
    if p.shape != labels.shape or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"probability must be {len(labels)} numbers from 0 to 1, got {p.shape}")
    bins = whole("bins", bins, 1)
    place = np.minimum((p * bins).astype(int), bins - 1)
    counts = np.bincount(place, minlength=bins)
    full = counts > 0
    said = np.bincount(place, p, bins)[full] / counts[full]
    came = np.bincount(place, labels, bins)[full] / counts[full]
    error = float(np.abs(said - came) @ counts[full] / len(p))
    return said, came, counts[full], error


def _share(part: NDArray[Any], whole_: NDArray[Any]) -> NDArray[np.float64]:
    """Return a share, 0 where it is one of nothing."""
    shares: NDArray[np.float64] = np.divide(part, whole_, out=np.zeros(len(part)), where=whole_ > 0)
    return shares


def _classes(name: str, values: ArrayLike) -> NDArray[np.int64]:
    """Return classes as whole numbers, or refuse what would be changed by that."""
    given = as_array(values)
    if given.ndim != 1 or not given.size:
        raise ValueError(f"{name} must have shape (N,), 1 or more, got {given.shape}")
    if given.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be whole numbers, 0 or more, got dtype {given.dtype}")
    with np.errstate(invalid="ignore"):
        numbers = given.astype(np.int64)
    if not np.array_equal(numbers, given) or numbers.min() < 0:
        raise ValueError(f"{name} must be whole numbers, 0 or more, got others among them")
    return numbers
