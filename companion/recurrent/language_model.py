"""Language models: a recurrent one, read on and on, the n-grams it has to beat, and two judges."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear

from companion.data.grammar import analogies, groups
from companion.data.oracle import Oracle
from companion.recurrent.layers import GRU, LSTM, RNN
from companion.runtime import as_array, whole
from companion.text import Vocabulary
from companion.training import fit

__all__ = [
    "KneserNey",
    "LanguageModel",
    "Place",
    "agreements",
    "batches",
    "gates",
    "judge",
    "one_row",
    "prefers",
    "pronouns",
    "read_on",
    "with_and_without",
]

PLURAL = {"is": "are", "was": "were", "seems": "seem", "remains": "remain", "feels": "feel"}
PLURAL |= {"has": "have", "leaves": "leave", "looks": "look"}
SINGULAR = {plural: singular for singular, plural in PLURAL.items()}
STOPS = {".", ",", "!", "?"}
LAYERS = {"RNN": RNN, "LSTM": LSTM, "GRU": GRU}


# Text in rows.


def one_row(texts: Iterable[Sequence[str]], vocabulary: Vocabulary) -> Tensor:
    """Put texts into one long row of numbers, with an ``"<eos>"`` before and after each of them.

    Parameters
    ----------
    texts
        Each a list of words. Empty ones, of which real files are full, are left out.
    vocabulary
        Has ``"<eos>"``, and ``"<unk>"`` if the texts may hold words that it does not know.

    Returns
    -------
    Tensor
        int64, shape (N,).

    Raises
    ------
    ValueError
        If the vocabulary has no ``"<eos>"``, or neither a word of the texts nor ``"<unk>"``.

    Examples
    --------
    >>> vocabulary = Vocabulary(["a", "film"], specials=["<eos>", "<unk>"])
    >>> one_row([["a", "film"], [], ["a", "yak"]], vocabulary)
    tensor([0, 2, 3, 0, 2, 1, 0])
    """
    if "<eos>" not in vocabulary:
        raise ValueError("the vocabulary must have an '<eos>', which parts the texts")
    row = ["<eos>"]
    for words in texts:
        row += [*words, "<eos>"] if words else []
    return torch.tensor([vocabulary[word] for word in row])


def batches(ids: Tensor, *, batch_size: int, length: int) -> list[tuple[Tensor, Tensor]]:
    """Cut a long row into rows that are read side by side, a few steps at a time.

    Row b of a batch goes on where row b of the batch before it ended, so a state can be handed on.

    Parameters
    ----------
    ids
        Token ids, shape (N,).
    batch_size
        B, how many rows are read side by side. What is left over after B equal rows, fewer than
        B tokens, is not read.
    length
        L, how many steps a batch has; the last one may have fewer.

    Returns
    -------
    list of (x, y)
        Two views of the row, each (B, L); y is the next token of each token in x.

    Raises
    ------
    ValueError
        If a size is below 1, or the row is too short for even one step.

    Examples
    --------
    >>> for x, y in batches(torch.arange(11), batch_size=2, length=3):
    ...     print(x.tolist(), y.tolist())
    [[0, 1, 2], [5, 6, 7]] [[1, 2, 3], [6, 7, 8]]
    [[3, 4], [8, 9]] [[4, 5], [9, 10]]
    """
    batch_size, length = whole("batch_size", batch_size, 1), whole("length", length, 1)
    if ids.dim() != 1 or len(ids) <= batch_size:
        raise ValueError(
            f"ids must be one row of more than batch_size = {batch_size} tokens, "
            f"got shape {tuple(ids.shape)}"
        )
    steps = (len(ids) - 1) // batch_size
    x = ids[: batch_size * steps].view(batch_size, steps)
    y = ids[1 : batch_size * steps + 1].view(batch_size, steps)
    return list(zip(x.split(length, 1), y.split(length, 1), strict=True))


# A model that reads.


class LanguageModel(nn.Module):
    r"""Say after each token how probable each token is to be the next.

    .. math:: p(w_{t+1} \mid w_1, \dots, w_t) = \mathrm{softmax}(E P h_t + b)

    h_t is what recurrent layers make of the vectors of the words so far. The words' vectors E are
    the same at both ends (tied), and P takes h_t to their length. b starts at the logarithm of the
    counts, so that the model need not learn which words are frequent.

    Called as ``model(ids, state=None)``.

    Parameters
    ----------
    counts
        How often each token occurs in the text, shape (V,).
    dim
        D, the length of a word's vector.
    width
        H, the width of the recurrent layers.
    cell
        ``"LSTM"``, ``"GRU"`` or ``"RNN"``.
    num_layers
        1 or more.

    Raises
    ------
    ValueError
        If ``counts`` is no row of numbers from 0, the cell is another, or a size is below 1.

    References
    ----------
    Mikolov et al. (2010); tied vectors: Press and Wolf (2017). The chapter on recurrent networks.

    Examples
    --------
    >>> model = LanguageModel(torch.ones(100), dim=8, width=16)
    >>> logits, (h, c) = model(torch.tensor([[3, 1, 4], [1, 5, 9]]))  # (B, T)
    >>> logits.shape, h.shape  # (B, T, V), (L, B, H)
    (torch.Size([2, 3, 100]), torch.Size([1, 2, 16]))
    """

    def __init__(
        self, counts: Tensor, dim: int, width: int, *, cell: str = "LSTM", num_layers: int = 1
    ) -> None:
        super().__init__()
        counts = torch.as_tensor(counts)
        right = counts.dim() == 1 and len(counts) and counts.isfinite().all()
        if not right or not (counts >= 0).all():
            raise ValueError(f"counts must be finite numbers from 0, shape (V,), got {counts}")
        if cell not in LAYERS:
            raise ValueError(f"cell must be one of {', '.join(LAYERS)}, got {cell!r}")
        self.layers = LAYERS[cell](dim, width, num_layers)
        self.embedding = nn.Embedding(len(counts), dim)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.projection = nn.Linear(width, dim, bias=False)
        self.bias = nn.Parameter((counts + 0.1).log())

    def forward(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Return the logits of the next tokens (B, T, V) and the last state, given ids (B, T)."""
        h, state = self.layers(self.embedding(ids), state)
        return linear(self.projection(h), self.embedding.weight, self.bias), state

    def log_prob(self, ids: Tensor) -> Tensor:
        """Return log p of each token of a row (N,) but the first, given all before it, (N - 1,)."""
        found, state = [], None
        with torch.no_grad():
            for x, y in batches(ids, batch_size=1, length=1000):
                logits, state = self(x, state)
                found.append(-cross_entropy(logits[0], y[0], reduction="none"))
        return torch.cat(found)


def read_on(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimizer: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.LRScheduler,
    *,
    max_norm: float = 1.0,
) -> list[float]:
    """Train a language model in one pass of truncated backpropagation through time.

    Each batch starts from the state in which the one before it ended; gradients stop there.

    Parameters
    ----------
    model
        Called as ``model(x, state)``; returns ``(logits, state)``, as :class:`LanguageModel`.
    batches
        As :func:`batches` gives them, on the model's device.
    optimizer, scheduler
        Take one step after each batch.
    max_norm
        Gradients are scaled down to this Euclidean norm where they exceed it, above 0.

    Returns
    -------
    list of float
        The loss of each batch, in nats per token, before its step.

    Raises
    ------
    TypeError, ValueError
        If ``max_norm`` is not above 0, or there is no batch.
    Diverged
        If the loss or its gradient is infinite or NaN. No step is taken on it.
    """
    carrying = _Carrying(model)
    history = fit(carrying, batches, _loss, optimizer, max_norm=max_norm, scheduler=scheduler)
    return history.steps


class _Carrying(nn.Module):
    """A language model that begins each batch in the state in which the last one ended."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.state: Any = None

    def forward(self, ids: Tensor) -> Tensor:
        logits: Tensor
        logits, state = self.model(ids, self.state)  # (B, L, V)
        self.state = (
            tuple(part.detach() for part in state)  # (h, c)
            if isinstance(state, tuple)
            else state.detach()
        )
        return logits


def _loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy of a batch, in nats per token."""
    return cross_entropy(logits.flatten(0, 1), targets.flatten())


def gates(model: LanguageModel, ids: Tensor) -> dict[str, Tensor]:
    """Show what goes on inside of an LSTM while it reads a text.

    Parameters
    ----------
    model
        An LSTM of one layer.
    ids
        Token ids, shape (T,).

    Returns
    -------
    dict
        ``"i"``, ``"f"``, ``"g"``, ``"o"``, ``"c"`` and ``"h"``, each (T, H), as in
        :class:`companion.recurrent.LSTMCell`.

    Raises
    ------
    ValueError
        If the model is no LSTM of one layer.
    """
    layer = model.layers
    if not isinstance(layer, LSTM) or layer.num_layers > 1:
        raise ValueError(f"model must have one layer of LSTM, got {layer}")
    with torch.no_grad():
        x = model.embedding(ids)  # (T, D)
        h = layer(x.unsqueeze(0))[0][0]  # (T, H)
        W, U, b, d = layer.parameters()
        past = torch.cat([torch.zeros_like(h[:1]), h[:-1]])
        i, f, g, o = (linear(x, W, b) + linear(past, U, d)).chunk(4, 1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()  # (T, H)
        c = torch.zeros_like(h)
        for t in range(len(ids)):
            c[t] = f[t] * c[t - 1] + i[t] * g[t]  # at t = 0, c[-1] is still zero
    return {"i": i, "f": f, "g": g, "o": o, "c": c, "h": h}


# A model that counts.


class _Grams(NamedTuple):
    """The grams of one length that occur, known by their numbers."""

    keys: NDArray[np.int64]  # (G,) in order: number of the gram but for its last token, V, token
    p: NDArray[np.float64]  # (G,) probability of its last token after the others
    rest: NDArray[np.float64]  # what is left for shorter grams, by number of the others


class KneserNey:
    r"""The n-gram model with interpolated Kneser-Ney smoothing.

    .. math::

        p_k(w \mid c) = \frac{\max(N_{cw} - D_k, 0) + D_k M_c \, p_{k-1}(w \mid c')}{\sum_v N_{cv}},
        \qquad D_k = \frac{n_1}{n_1 + 2 n_2}

    Here c are the k - 1 tokens before w, and c' is c without the first of them. For the longest
    grams, N counts how often a gram occurs; for shorter ones, after how many different tokens. M_c
    is how many different tokens follow c, n_j is how many k-grams have N = j, and p_0 is 1/V. After
    a c that never occurred, p_k is p_{k-1}.

    Parameters
    ----------
    n
        The length of the longest grams, 1 or more.
    vocabulary_size
        V; token ids are whole numbers below it.

    Raises
    ------
    ValueError
        If a number is below 1; by the methods, if the ids are not as said or too few.

    References
    ----------
    Kneser and Ney (1995); Chen and Goodman (1999). The chapter on recurrent networks.

    Examples
    --------
    >>> model = KneserNey(2, vocabulary_size=4).fit([0, 1, 2, 0, 1, 3, 0])
    >>> np.exp(model.log_prob([0, 1])).round(2)  # 1 after 0
    array([0.73])
    """

    def __init__(self, n: int, *, vocabulary_size: int) -> None:
        self.n = whole("n", n, 1)
        self.vocabulary_size = whole("vocabulary_size", vocabulary_size, 1)
        self._grams: list[_Grams] = []

    def fit(self, ids: ArrayLike | Tensor) -> Self:
        """Count the grams of a row of ids, (N,) with N at least n; earlier counts are forgotten."""
        row = self._row(ids, self.n)
        V, end = self.vocabulary_size, np.zeros(len(row) + 1, dtype=np.int64)
        keys, suffixes, counts = [], [], []
        for _ in range(self.n):  # end: the number of the gram that ends before each place
            key = end[:-1] * V + row
            there = key >= 0
            found, first, count = np.unique(key[there], return_index=True, return_counts=True)
            keys.append(found)
            suffixes.append(end[1:][there][first])
            counts.append(count)
            end = np.append(-1, _numbers(found, key))
        for k in range(self.n - 1):
            counts[k] = np.bincount(suffixes[k + 1], minlength=len(keys[k]))
        p = np.array([1 / V])
        self._grams = []
        for key, suffix, N in zip(keys, suffixes, counts, strict=True):
            c = key // V
            n_1, n_2 = max(np.sum(N == 1), 1), np.sum(N == 2)  # a D of 0 would leave no rest
            taken = np.minimum(N, n_1 / (n_1 + 2 * n_2))
            total = np.bincount(c, N, len(p))
            rest = np.bincount(c, taken, len(p)) / np.maximum(total, 1)
            rest[total == 0] = 1
            p = (N - taken) / np.maximum(total, 1)[c] + rest[c] * p[suffix]
            self._grams.append(_Grams(key, p, rest))
        return self

    def log_prob(self, ids: ArrayLike | Tensor) -> NDArray[np.float64]:
        """Return log p of each token of a row (N,) but the first, given all before it, (N - 1,)."""
        if not self._grams:
            raise ValueError("the model has counted nothing: call fit first")
        row = self._row(ids, 2)
        end = np.zeros(len(row) + 1, dtype=np.int64)
        p = np.full(len(row), 1 / self.vocabulary_size)
        for gram in self._grams:
            c, there = end[:-1], end[:-1] >= 0
            number = _numbers(gram.keys, c * self.vocabulary_size + row)
            p[there] *= gram.rest[c[there]]
            p[number >= 0] = gram.p[number[number >= 0]]
            end = np.append(-1, number)
        found: NDArray[np.float64] = np.log(p[1:])
        return found

    def _row(self, ids: ArrayLike | Tensor, least: int) -> NDArray[np.int64]:
        """Return the ids as a row of whole numbers, or refuse them."""
        row = as_array(ids)
        if row.ndim != 1 or len(row) < least or row.dtype.kind not in "iu":
            raise ValueError(
                f"ids must be a row of whole numbers, {least} or more, "
                f"got shape {row.shape} and dtype {row.dtype}"
            )
        if row.min() < 0 or row.max() >= self.vocabulary_size:
            raise ValueError(
                f"ids must be from 0 to {self.vocabulary_size - 1}, got {row.min()} to {row.max()}"
            )
        return row.astype(np.int64)


def _numbers(keys: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where the wanted keys stand among the keys, which are in order; -1 for the others."""
    at = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1)


# Two judges.


class Place(NamedTuple):
    """A place in a text where a word has to agree with one before it."""

    words: list[str]  # all words before the place
    right: str
    wrong: str
    plural: bool


def agreements(texts: Iterable[Sequence[str]], *, distance: int) -> list[Place]:
    """Find the verbs whose subject is an aspect of a film, some words before.

    Parameters
    ----------
    texts
        Reviews, each a list of words.
    distance
        How many words stand between the subject and the verb.

    Returns
    -------
    list of Place
        One for each such verb, with the form that the text has and the form that does not agree.

    Examples
    --------
    >>> (place,) = agreements(["the plots with the brave sheriff are dull .".split()], distance=4)
    >>> place.right, place.wrong, place.plural, place.words[-1]
    ('are', 'is', True, 'sheriff')
    """
    distance = whole("distance", distance, 0)
    aspects = {
        number: set().union(*(groups()[f"{kind} {number}"] for kind in ("told", "seen", "heard")))
        for number in ("singular", "plural")
    }
    wrong_of: dict[str, dict[str, str]] = {}
    for one, many, *_ in analogies():  # a story stands elsewhere too, stories do not
        if one in aspects["singular"] or many in aspects["plural"]:
            wrong_of |= {one: PLURAL, many: SINGULAR}
    found = []
    for words in texts:
        for t, verb in enumerate(words):
            subject = words[t - distance - 1] if t > distance else ""
            wrong = wrong_of.get(subject, {}).get(verb)
            if wrong and STOPS.isdisjoint(words[t - distance : t]):
                found.append(Place(list(words[:t]), verb, wrong, verb in SINGULAR))
    return found


def pronouns(texts: Iterable[Sequence[str]], reader: Oracle) -> list[Place]:
    """Find the places after a first sentence where only *he* or only *she* can stand.

    Parameters
    ----------
    texts
        Each a list of words.
    reader
        The oracle of their language, which knows where the words before decide it.

    Returns
    -------
    list of Place
        One for each such word.

    Examples
    --------
    >>> from companion.data.grammar import oracle
    >>> opening = "mira novak made crimson in 1951 , and ana baum is the pianist ."
    >>> text = f"{opening} baum was dull at first , but in the end she was superb ."
    >>> (place,) = pronouns([text.split()], oracle())
    >>> place.right, place.wrong, place.words[-1]
    ('she', 'he', 'end')
    """
    wrong_of = {"he": "she", "she": "he"}
    return [
        Place(list(words[:t]), word, wrong, False)
        for words in texts
        for t, word in enumerate(words)
        if (wrong := wrong_of.get(word)) and "." in words[:t]
        if not reader.next_token(words[:t])[reader.vocabulary.index(wrong)]
    ]


def prefers(
    model: LanguageModel, vocabulary: Vocabulary, places: Sequence[Place]
) -> NDArray[np.float64]:
    """Return how probable the right word is at each place, if it is that or the wrong one.

    Parameters
    ----------
    model
        Reads ids of the vocabulary.
    vocabulary
        Holds all words of the places, and ``"<eos>"``.
    places
        N of them, as :func:`agreements` or :func:`pronouns` finds them.

    Returns
    -------
    ndarray
        Shape (N,): above 0.5 where the model prefers the right word.
    """
    shares = []
    for place in places:
        ids = one_row([place.words], vocabulary)[:-1].to(model.bias.device)
        with torch.no_grad():
            logits = model(ids.unsqueeze(0))[0][0, -1]
        shares.append(logits[[vocabulary[place.right], vocabulary[place.wrong]]].softmax(0)[0])
    return np.array([float(share) for share in shares])


def with_and_without(
    model: LanguageModel, vocabulary: Vocabulary, texts: Iterable[Sequence[str]]
) -> list[tuple[str, float, float]]:
    """Compare a model that has read a text so far with itself when it sees one sentence only.

    Parameters
    ----------
    model
        Reads ids of the vocabulary.
    vocabulary
        Holds all words.
    texts
        Each a list of words.

    Returns
    -------
    list of (word, with, without)
        For each word after the first sentence of its text, its log-probability given all words
        before it, and given only those of its sentence and the sign before that.
    """
    found: list[tuple[str, float, float]] = []
    for words in texts:
        ids = torch.tensor([vocabulary[word] for word in words]).to(model.bias.device)
        known = model.log_prob(ids)
        stops = [i for i, word in enumerate(words) if word in {".", "!", "?"}]
        for start, end in pairwise(stops):
            part = model.log_prob(ids[start : end + 1])
            found += zip(
                words[start + 1 : end + 1], known[start:end].tolist(), part.tolist(), strict=True
            )
    return found


def judge(reader: Oracle, words: Sequence[str]) -> NDArray[np.float64]:
    """Return how probable a text is, word by word, as far as the language can write it.

    Parameters
    ----------
    reader
        The oracle of the language.
    words
        A text, without its end.

    Returns
    -------
    ndarray
        log p of each word given those before, up to the first that cannot stand where it stands.
        If all can, and the text can end there, log p of the end is the last of T + 1 numbers.
    """

    def impossible(length: int) -> bool:
        try:
            reader.posterior(words[:length])
        except ValueError:
            return True
        return False

    possible = bisect_left(range(len(words)), True, key=lambda i: impossible(i + 1))
    p = reader.next_tokens(words[:possible])  # (possible + 1, V)
    then = [*words[:possible], *(["<eos>"] if possible == len(words) else [])]
    each = p[range(len(then)), [reader.vocabulary.index(word) for word in then]]
    return np.log(each[each > 0])
