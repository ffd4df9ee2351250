"""The film reviews of IMDB, as every long run reads them."""

from __future__ import annotations

import numpy as np

from companion.data import real
from companion.runtime import seeded
from companion.text import Tokenizer

Part = tuple[list[str], np.ndarray]


def parts(held_back: int, vocabulary_size: int) -> tuple[dict[str, Part], Tokenizer]:
    """Return the parts of the reviews, and a tokenizer that has read those to train on.

    Parameters
    ----------
    held_back
        How many training reviews not to train on, drawn by seed 0.
    vocabulary_size
        V: padding, "unknown", and the V - 2 most frequent words.

    Returns
    -------
    tuple
        ``"train"``, ``"held back"`` and ``"test"`` to their texts and labels, 0 or 1; and the
        tokenizer. The texts come without the line breaks of the web page.

    Raises
    ------
    NotThere
        If the reviews are not there.
    """
    texts, labels = reviews("train")
    with seeded(0) as rng:
        order = rng.permutation(len(texts))  # they come sorted by label
    rows = {"train": order[held_back:], "held back": order[:held_back]}
    given = {name: ([texts[i] for i in part], labels[part]) for name, part in rows.items()}
    given["test"] = reviews("test")
    tokenizer = Tokenizer(vocabulary_size, oov_token="<unk>")
    tokenizer.fit_on_texts(given["train"][0])
    return given, tokenizer


def reviews(part: str) -> Part:
    """Return the texts and labels of ``train`` or ``test``, 25,000 each, sorted by label."""
    found = real.load("stanfordnlp/imdb", part)
    return [text.replace("<br />", " ") for text in found["text"]], np.array(found["label"])
