"""Maps that order themselves: Kohonen's rule, one sample at a time or all samples at once."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from torch import Tensor

from companion.runtime import as_array, progress, seeded, whole
from companion.som._grid import Grid

__all__ = ["SelfOrganizingMap", "quantization_error", "topographic_error"]

BUFFER = {"cpu": 2**19}  # numbers in a buffer, samples times units or features: a cache's fill
LARGE = 2**25  # the same where there is no such cache
SUMS = {"cpu": torch.float64, "cuda": torch.float64}  # float32 would lose a million small parts
EPOCHS, STEPS = 20, 500  # by default: epochs, and online steps for each unit
PART = 4096  # rows of the data looked at in one go
SHOWN = 10_000  # rows that the first plane is laid through, at most
Samples = ArrayLike | Tensor


class SelfOrganizingMap(TransformerMixin, BaseEstimator):
    """A grid of units whose weights spread over the data, neighbours beside neighbours.

    For each sample x the best matching unit b is the one with the nearest weights. Units move
    towards x by how near they stand to b on the grid, h = exp(-d^2 / (2 sigma^2)).

    - ``online``, one sample after the other: w_i <- w_i + rate * h_bi * (x - w_i).
    - ``batch``, all samples at once: w_i <- sum_n h_bi x_n / sum_n h_bi. A unit to which no
      sample contributes keeps its weights.

    sigma and rate fall from their first to their last value by the same factor each epoch.

    Parameters
    ----------
    rows, columns
        R and C, the size of the grid, at least 1.
    epochs
        How often all samples are seen; 0 leaves the first weights. By default 20; online, where
        each sample moves the map a little, more for few samples: as many as make 500 steps for each
        unit, up to 500. ``partial_fit``, which knows a part of the samples only, keeps to 20.
    seed
        For first weights from samples, and for the order of samples online.
    method
        ``batch`` or ``online``.
    grid
        ``rectangular``, where a unit has eight neighbours, or ``hexagonal``, where it has six: odd
        rows stand half a step to the right, rows are sqrt(3)/2 of a step apart.
    toroidal
        Whether the grid goes on at the opposite border. Rows and columns must then be 1 or at least
        3, and the rows of a hexagonal grid even.
    initial
        First weights: ``plane`` lays the grid flat along the two main directions of the data,
        ``samples`` takes samples at random, or an array (R, C, D).
    sigma
        First and last width of the neighbourhood in steps of the grid, above 0. By default half
        of the longer side, at least 1, and 0.5.
    rate
        First and last learning rate, above 0 and at most 1; the batch rule has none.
    shuffle
        Whether samples come in a new order each epoch online.

    Attributes
    ----------
    weights_ : ndarray or Tensor of shape (R, C, D)
        As the data were: numpy or torch, on their device, float32 or float64.
    n_features_in_ : int
        D.
    n_epochs_ : int
        How many epochs have begun.

    Notes
    -----
    Samples are read in blocks, each centred in a buffer: beyond the data (which may be a memory
    map) a fit needs memory for the weights and a fixed buffer, however many samples there are;
    online, their order takes 8 bytes a sample. The batch rule and ``transform`` cannot tell apart
    squared distances that differ by less than about 1e-6 of the data's squared spread in float32.
    One sample, or constant data, gives units that are all alike. More units than samples is fine:
    the units between the samples fill the gaps.

    References
    ----------
    Kohonen (1982), Biological Cybernetics 43; Kohonen (1990), Proceedings of the IEEE 78, for the
    number of steps; Kohonen (2013), Neural Networks 37. The chapter on maps.

    Examples
    --------
    >>> colours = np.random.default_rng(0).random((200, 3))  # (N, D)
    >>> som = SelfOrganizingMap(10, 10).fit(colours)
    >>> som.weights_.shape, som.transform(colours).shape  # (R, C, D), (N, 2)
    ((10, 10, 3), (200, 2))
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        *,
        epochs: int | None = None,
        seed: int = 0,
        method: str = "batch",
        grid: str = "rectangular",
        toroidal: bool = False,
        initial: str | ArrayLike = "plane",
        sigma: tuple[float, float] | None = None,
        rate: tuple[float, float] = (0.5, 0.01),
        shuffle: bool = True,
    ) -> None:
        self.rows = rows
        self.columns = columns
        self.epochs = epochs
        self.seed = seed
        self.method = method
        self.grid = grid
        self.toroidal = toroidal
        self.initial = initial
        self.sigma = sigma
        self.rate = rate
        self.shuffle = shuffle

    def fit(self, X: Samples, y: object = None) -> Self:
        """Learn a map from the first weights on.

        Parameters
        ----------
        X
            Samples, shape (N, D), numpy or torch, finite.
        y
            Ignored.

        Raises
        ------
        ValueError
            If X is not (N, D), empty, not finite or too large to be squared, or a setting of the
            map is out of its range. A map that was there before stays.
        TypeError
            If X is sparse.
        """
        self._check()
        x = self._begin(X)
        if self.method == "online":
            few = math.ceil(STEPS * self.rows * self.columns / len(x))
            self._usual = min(max(EPOCHS, few), STEPS)
        with progress(self._length()) as bar:
            for epoch in range(self._length()):
                self._learn(x, epoch)
                bar.update()
        return self

    def partial_fit(self, X: Samples, y: object = None, *, epoch: int | None = None) -> Self:
        """Go on learning from a part of the data.

        Parameters
        ----------
        X
            Some samples, shape (n, D). The first ones also give the first weights.
        y
            Ignored.
        epoch
            Which epoch of the schedule these samples belong to, from 0; after the last one sigma
            and rate stay. With the batch rule, parts with the same epoch in direct succession
            count together, as if they had come at once. None: a new epoch with each call.

        Raises
        ------
        ValueError, TypeError
            As ``fit``.
        """
        if epoch is not None:
            epoch = whole("epoch", epoch, 0)
        self._check()
        x = self._look(X)[0] if hasattr(self, "weights_") else self._begin(X)
        self._learn(x, self._epoch + 1 if epoch is None else epoch)
        return self

    def transform(self, X: Samples) -> Any:
        """Return row and column of the best matching unit of each sample.

        Parameters
        ----------
        X
            Samples, shape (N, D), numpy or torch.

        Returns
        -------
        ndarray or Tensor of int64
            Shape (N, 2). Of units that fit equally well, the first.
        """
        x, kind = self._look(X)
        codes = _rivals(_tensor(self.weights_), self._centre)
        best = torch.cat([_first_best(scores) for _, scores in _search(x, self._centre, codes)])
        return _as(kind, torch.stack(torch.unravel_index(best, self.weights_.shape[:2]), 1))

    def hits(self, X: Samples) -> np.ndarray:
        """Return how many samples each unit fits best, shape (R, C); X as for ``transform``."""
        places = as_array(self.transform(X))
        counts = np.zeros(self.weights_.shape[:2], dtype=int)
        np.add.at(counts, tuple(places.T), 1)
        return counts

    def u_matrix(self) -> Any:
        """Return the mean distance of each unit's weights to its neighbours' on the grid, (R, C).

        High values are walls between clusters. A map of one unit has the value 0.
        """
        check_is_fitted(self)
        weights = _tensor(self.weights_)
        there, near = (part.to(weights.device) for part in self._net.neighbours())
        far = (weights - weights[there[..., 0], there[..., 1]]).norm(dim=-1)  # (9, R, C)
        return _as(self._kind, (far * near).sum(0) / near.sum(0).clamp(min=1))

    def _grid(self) -> Grid:
        """Return the geometry that the settings describe."""
        if self.grid not in ("rectangular", "hexagonal"):
            raise ValueError(f"grid must be rectangular or hexagonal, got {self.grid!r}")
        size = {"rows": int(self.rows), "columns": int(self.columns)}
        return Grid(**size, hexagonal=self.grid == "hexagonal", toroidal=bool(self.toroidal))

    def _length(self) -> int:
        """Return the number of epochs."""
        return self._usual if self.epochs is None else int(self.epochs)

    def _schedule(self, name: str, epoch: int) -> float:
        """Return sigma or rate of an epoch: a geometric series from the first to the last."""
        pair = getattr(self, name)
        first, last = (max(self._net.rows, self._net.columns, 2) / 2, 0.5) if pair is None else pair
        way = min(epoch / max(self._length() - 1, 1), 1.0)
        return float(first ** (1 - way) * last**way)

    def _check(self) -> None:
        """Refuse settings out of their range."""
        for name, least in {"rows": 1, "columns": 1, "epochs": 0, "seed": 0}.items():
            if name != "epochs" or self.epochs is not None:
                whole(name, getattr(self, name), least)
        for name in ("toroidal", "shuffle"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise ValueError(f"{name} must be True or False, got {getattr(self, name)!r}")
        if self.method not in ("batch", "online"):
            raise ValueError(f"method must be batch or online, got {self.method!r}")
        if self.sigma is not None:
            _check_pair("sigma", self.sigma, np.finfo(float).max)
        _check_pair("rate", self.rate, 1.0)

    def _begin(self, X: Samples) -> Tensor:
        """Check the grid and the data, and lay the first weights."""
        net = self._grid()
        x, kind = _read(X)
        centre = sum(part.sum(0).cpu().double() for part in x.split(PART)) / len(x)
        centre = torch.as_tensor(centre).to(x)
        _check_size("X", x, centre)
        with seeded(self.seed) as rng:
            first = self._first(x, rng)
        _check_size("initial", first.flatten(0, 1), centre)
        validate_data(self, X, skip_check_array=True)  # keeps the number of features, their names
        self._net, self._rng, self._centre, self._kind = net, rng, centre, kind
        self._epoch, self.n_epochs_, self._usual = -1, 0, EPOCHS
        self._sums: Tensor | None = None
        self.weights_ = _as(kind, first)
        return x

    def _look(self, X: Samples) -> tuple[Tensor, bool]:
        """Read samples for a map that has learned."""
        check_is_fitted(self)
        x, kind = _read(X)
        validate_data(self, X, skip_check_array=True, reset=False)
        x = x.to(self._centre.device)
        _check_size("X", x, self._centre)
        return x, kind

    def _first(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        """Return the weights to begin with, (R, C, D)."""
        shape = (self.rows, self.columns, x.shape[1])
        if not isinstance(self.initial, str):
            first = as_array(self.initial)
            if first.shape != shape or first.dtype.kind not in "biuf":
                got = f"{first.shape} of {first.dtype}"
                raise ValueError(f"initial must be numbers of shape {shape}, got {got}")
        elif self.initial == "samples":
            units = self.rows * self.columns
            chosen = rng.choice(len(x), units, replace=units > len(x))
            first = x[torch.from_numpy(chosen).to(x.device)].cpu().numpy().reshape(shape)
        elif self.initial == "plane":
            first = _plane(x[:: -(-len(x) // SHOWN)].cpu().double().numpy(), shape)
        else:
            raise ValueError(f"initial must be plane, samples or an array, got {self.initial!r}")
        return torch.tensor(first, dtype=x.dtype, device=x.device)

    def _learn(self, x: Tensor, epoch: int) -> None:
        """Go through samples (N, D) once, in an epoch of the schedule."""
        weights = _tensor(self.weights_).clone()  # who keeps the old ones keeps them
        rate, sigma = self._schedule("rate", epoch), self._schedule("sigma", epoch)
        if self.method == "online":
            order = self._rng.permutation(len(x)) if self.shuffle else np.arange(len(x))
            for part in torch.from_numpy(order).to(x.device).split(PART):
                _follow(weights, x[part].to(weights), self._net.window(sigma, weights), rate)
            self._sums = None
        else:
            sums = self._sums
            if sums is None or epoch != self._epoch:  # searched: the weights an epoch began with
                self._codes = _rivals(weights, self._centre)
                self._sums = sums = torch.zeros_like(self._codes, dtype=SUMS.get(x.device.type))
            for part in x.split(PART):
                few = torch.zeros_like(self._codes)  # in float32; of many rows these would drift
                for block, scores in _search(part, self._centre, self._codes):
                    few.index_add_(0, _first_best(scores), block)
                sums += few
            total = self._net.smooth(sums.to(weights).view(*weights.shape[:2], -1), sigma)
            reached = total[..., -1:] > torch.finfo(total.dtype).tiny
            mean = self._centre + total[..., :-1] / total[..., -1:]
            weights.copy_(torch.where(reached, mean, weights))
        self.weights_ = _as(self._kind, weights)
        self._epoch, self.n_epochs_ = epoch, self.n_epochs_ + (epoch != self._epoch)


def quantization_error(som: SelfOrganizingMap, X: Samples) -> float:
    """Return the mean Euclidean distance of samples to the weights of their best matching unit.

    Parameters
    ----------
    som
        A map that has learned.
    X
        Samples, shape (N, D), numpy or torch.

    Raises
    ------
    ValueError, TypeError
        As ``SelfOrganizingMap.transform``.

    Examples
    --------
    >>> som = SelfOrganizingMap(1, 2, epochs=0, initial=[[[0.0], [4.0]]]).fit([[0.0], [4.0]])
    >>> quantization_error(som, [[1.0], [4.0]])
    0.5
    """
    x, _ = som._look(X)
    codes = _codes(_tensor(som.weights_), som._centre)
    total = 0.0
    for block, scores in _search(x, som._centre, codes):
        apart = (block - codes[_first_best(scores)])[:, :-1]  # the last column is no feature
        total += float(apart.norm(dim=1).sum())
    return total / len(x)


def topographic_error(som: SelfOrganizingMap, X: Samples) -> float:
    """Return the share of samples whose two best units are not neighbours on the grid.

    Parameters
    ----------
    som
        A map that has learned, of at least two units.
    X
        Samples, shape (N, D), numpy or torch.

    Raises
    ------
    ValueError, TypeError
        As ``SelfOrganizingMap.transform``, and if the map has one unit only.

    References
    ----------
    Kiviluoto (1996), Topology preservation in self-organizing maps. The chapter on maps.

    Examples
    --------
    >>> folded = [[[0.0], [4.0], [1.0]]]  # (1, 3, 1): the ends of the row are alike
    >>> som = SelfOrganizingMap(1, 3, epochs=0, initial=folded).fit([[0.0], [4.0]])
    >>> topographic_error(som, [[0.0], [3.0]])
    0.5
    """
    x, _ = som._look(X)
    codes = _codes(_tensor(som.weights_), som._centre)
    if len(codes) < 2:
        raise ValueError("a topographic error needs a map of at least 2 units, got 1")
    apart, places = 0, som._net.places().flatten(0, 1)  # (K, 2)
    for _, scores in _search(x, som._centre, codes):
        best, second = places[scores.topk(2).indices.cpu()].unbind(1)
        apart += int((~som._net.are_neighbours(best, second)).sum())
    return apart / len(x)


def _tensor(values: np.ndarray | Tensor) -> Tensor:
    """Return a tensor on the same memory, which may be read-only: nothing writes to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.as_tensor(values)


def _read(X: Samples) -> tuple[Tensor, bool]:
    """Return checked samples as a tensor of float32 or float64, and whether they were a tensor."""
    if not isinstance(X, Tensor):
        rows = check_array(X, dtype=[np.float64, np.float32])
        return _tensor(np.ascontiguousarray(rows)), False
    if X.layout != torch.strided or X.is_complex():
        raise TypeError(f"X must be a dense tensor of real numbers, got {X.layout} of {X.dtype}")
    x = X.detach() if X.dtype == torch.float64 else X.detach().float()
    check_array(torch.atleast_1d(x)[:1].cpu().numpy())
    return x, True


def _check_pair(name: str, pair: object, most: float) -> None:
    """Refuse what is no first and last value."""
    values = as_array(pair)
    fits = values.shape == (2,) and values.dtype.kind in "iuf"
    if not fits or not ((values > 0) & (values <= most)).all():
        limit = f"at most {most:g}" if most == 1 else "finite"
        raise ValueError(f"{name} must be (first, last), above 0, {limit}, got {pair!r}")


def _check_size(name: str, x: Tensor, centre: Tensor) -> None:
    """Refuse what is not finite, and numbers whose squares overflow."""
    most = (torch.finfo(centre.dtype).max / x.shape[1]) ** 0.5 / 1000
    for part in x.split(PART):
        peak = float((part - centre).abs().max())
        if not peak < most:
            told = f"{name} must be finite and within {most:.2g} of the mean of X"
            raise ValueError(f"{told}, got {peak:.2g}")


def _as(tensor: bool, value: Tensor) -> Any:
    """Return a tensor, or the array that shares its memory."""
    return value if tensor else value.cpu().numpy()


def _plane(x: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Lay the grid flat along the main directions of x, two standard deviations to each side."""
    plane: np.ndarray = np.zeros(shape) + x.mean(0)
    if len(x) > 1:
        with np.errstate(invalid="ignore"):  # no variance, no ratio of variances
            pca = PCA(min(2, *x.shape), random_state=0).fit(x)
        ways = np.sqrt(pca.explained_variance_)[:, None] * pca.components_
        sides = sorted((0, 1), key=lambda side: -shape[side])  # the longer side comes first
        for side, way in zip(sides, ways, strict=False):
            place = np.linspace(-2, 2, shape[side]) if shape[side] > 1 else np.zeros(1)
            plane += np.expand_dims(place, 1 - side)[..., None] * way
    return plane


def _codes(weights: Tensor, centre: Tensor) -> Tensor:
    """Return weights less the centre with a last column of -|w|^2 / 2, (R, C, D) -> (K, D + 1)."""
    w = weights.flatten(0, 1) - centre
    return torch.cat((w, -w.square().sum(1, keepdim=True) / 2), 1)


def _rivals(weights: Tensor, centre: Tensor) -> Tensor:
    """Return codes of which only the first of equal ones can be the best.

    Left to the matrix product, equal codes would win by rounding.
    """
    codes = _codes(weights, centre)
    norms = codes[:, -1].sort().values
    if (norms.diff() > 1e-6 * norms[0].abs()).all():  # all different, so the codes are
        return codes
    rows = (codes[:, :-1] + 0.0).cpu().numpy()  # of 0.0 and -0.0 it makes the same bytes
    later = torch.ones(len(codes), dtype=torch.bool)
    later[np.unique(rows.view(f"V{rows[0].nbytes}"), return_index=True)[1]] = False
    codes[later.to(codes.device), -1] = -torch.inf
    return codes


def _search(x: Tensor, centre: Tensor, codes: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield centred samples with a last column of ones, (n, D + 1), and their scores, (n, K).

    The score x w - |w|^2 / 2 is highest where |x - w|^2 = |x|^2 - 2 x w + |w|^2 is lowest; the
    ones carry |w|^2 / 2 into the product, and count the samples of each unit in ``_learn``. Both
    buffers are used again for the next block.
    """
    size = min(len(x), max(1, BUFFER.get(x.device.type, LARGE) // max(codes.shape)))
    block, scores = codes.new_ones(size, codes.shape[1]), codes.new_empty(size, len(codes))
    for part in x.split(size):
        n = len(part)
        torch.sub(part, centre, out=block[:n, :-1])
        yield block[:n], torch.mm(block[:n], codes.T, out=scores[:n])


def _first_best(scores: Tensor) -> Tensor:
    """Return the place of the highest score of each row; numpy finds it faster on a CPU."""
    if scores.device.type != "cpu":
        return scores.argmax(1)
    return torch.from_numpy(scores.numpy().argmax(1))


def _follow(weights: Tensor, x: Tensor, window: tuple[Tensor, Tensor], rate: float) -> None:
    """Move weights (R, C, D) in place towards one sample of x (n, D) after the other."""
    down, across = window
    columns = weights.shape[1]
    w = weights.view(-1, x.shape[1])
    gap, square = torch.empty_like(w), torch.empty_like(w[:, 0])
    for sample in x:
        torch.sub(sample, w, out=gap)
        torch.linalg.vecdot(gap, gap, out=square)
        row, column = divmod(int(square.argmin()), columns)
        pull = rate * down[row, :, None] * across[row % len(across), :, column]
        w.addcmul_(gap, pull.view(-1, 1))
