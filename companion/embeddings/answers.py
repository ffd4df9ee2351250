"""How good are word vectors? Neighbours, groups and analogies, against an answer key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from companion.embeddings.vectors import WordVectors
from companion.runtime import seeded, whole

__all__ = ["analogies_solved", "precision_at", "purity"]

Groups = Mapping[str, Sequence[str]]
SLICE = 512  # words whose neighbours are looked for at a time


def precision_at(vectors: WordVectors, groups: Groups, k: int = 3) -> float:
    """Return which share of the k nearest neighbours of a word are of its own group.

    The mean over all words of the groups. Neighbours come from the whole vocabulary.

    Parameters
    ----------
    vectors
        What is judged.
    groups
        Name to words; words without a vector are left out, then groups of fewer than k + 1.
    k
        How many neighbours, 1 or more.

    Raises
    ------
    ValueError
        If no group is large enough.

    Examples
    --------
    >>> toy = WordVectors(["red", "blue", "cat", "dog"], [[5, 0], [4, 1], [0, 1], [1, 9]])
    >>> precision_at(toy, {"colours": ["red", "blue"], "animals": ["cat", "dog"]}, k=1)
    1.0
    """
    whole("k", k, 1)
    place = {word: i for i, word in enumerate(vectors.words)}
    kept = [[place[word] for word in words if word in place] for words in groups.values()]
    kept = [ids for ids in kept if len(ids) > k]
    if not kept:
        raise ValueError(f"no group has {k + 1} words with vectors, so that none has {k} fellows")
    group_of = np.full(len(vectors), -1)
    for number, ids in enumerate(kept):
        group_of[ids] = number
    asked, units = np.concatenate(kept), _units(vectors)
    right = 0
    for part in np.split(asked, range(SLICE, len(asked), SLICE)):
        cosines = units[part] @ units.T  # (n, V)
        cosines[np.arange(len(part)), part] = -np.inf
        near = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        right += int((group_of[near] == group_of[part][:, None]).sum())
    return right / (k * len(asked))


def purity(vectors: WordVectors, groups: Groups, *, seed: int = 0) -> float:
    """Return how pure clusters are that k-means finds among the words of groups.

    There are as many clusters as groups. Each cluster counts the words of its largest group; the
    purity is the share of all words that are counted.

    Parameters
    ----------
    vectors
        What is judged; each vector is brought to length 1.
    groups
        Name to words; words without a vector are left out.
    seed
        For k-means.

    Raises
    ------
    ValueError
        If fewer than two groups have words with vectors.
    """
    from sklearn.cluster import KMeans

    place = {word: i for i, word in enumerate(vectors.words)}
    kept = [[place[word] for word in words if word in place] for words in groups.values()]
    kept = [ids for ids in kept if ids]
    if len(kept) < 2:
        raise ValueError(f"purity needs two groups of words with vectors, got {len(kept)}")
    truth = np.repeat(np.arange(len(kept)), [len(ids) for ids in kept])
    with seeded(seed):
        found = KMeans(len(kept), n_init=1).fit_predict(_units(vectors)[np.concatenate(kept)])
    table = np.zeros((len(kept), len(kept)), dtype=int)
    np.add.at(table, (found, truth), 1)
    return float(table.max(axis=1).sum() / len(truth))


def analogies_solved(
    vectors: WordVectors,
    analogies: Iterable[Sequence[str]],
    *,
    groups: Groups | None = None,
) -> float:
    """Return the share of analogies (a, b, c, d) whose first answer is d.

    Parameters
    ----------
    vectors
        What is judged; see ``WordVectors.analogy``.
    analogies
        Four words each; those with a word that has no vector are left out.
    groups
        If given, any word that shares a group with d will do, as the language says of it the same.

    Raises
    ------
    ValueError
        If no analogy has vectors for all its words.
    """
    place = {word: i for i, word in enumerate(vectors.words)}
    rows = [[place[w] for w in each] for each in analogies if all(w in place for w in each)]
    if not rows:
        raise ValueError("no analogy has vectors for all of its words")
    units, ids, right = _units(vectors), np.array(rows), 0  # (n, 4)
    fellows = {i: {i} for i in ids[:, 3].tolist()}
    for words in (groups or {}).values():
        group = {place[word] for word in words if word in place}
        for i in group & fellows.keys():
            fellows[i] |= group
    for part in np.split(ids, range(SLICE, len(ids), SLICE)):
        a, b, c, d = part.T
        scores = (units[b] - units[a] + units[c]) @ units.T  # (n, V)
        np.put_along_axis(scores, part[:, :3], -np.inf, axis=1)
        found = scores.argmax(axis=1)
        right += sum(int(f) in fellows[int(t)] for f, t in zip(found, d, strict=True))
    return right / len(ids)


def _units(vectors: WordVectors) -> np.ndarray:
    """Return all vectors at length 1, (V, D)."""
    lengths = np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    return vectors.vectors / np.where(lengths == 0, 1, lengths)
