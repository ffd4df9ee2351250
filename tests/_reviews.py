"""Sixty reviews in IMDB's manner, for runs that should take seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from companion.text import Tokenizer
from runs import imdb


@contextmanager
def small_imdb() -> Iterator[list[str]]:
    """Let long runs load these reviews, and yield the texts that their tokenizer gets to see.

    The last word but one decides. In the test reviews it means the opposite, and every other one
    of them has three words of plot, the rest six.
    """
    rng = np.random.default_rng(0)
    seen: list[str] = []

    def load(name: str, split: str) -> dict[str, list[object]]:
        assert name == "stanfordnlp/imdb"
        labels = np.repeat([0, 1], 30)  # sorted, as the real ones are
        verdicts = labels if split == "train" else 1 - labels
        plots = rng.choice(["plot", "film", "cast"], (60, 6))
        texts = [
            f"{' '.join(plot[: 6 - 3 * (split == 'test' and i % 2)])}.<br /><br />"
            f"{'great' if verdict else 'awful'} {split}"
            for i, (plot, verdict) in enumerate(zip(plots, verdicts, strict=True))
        ]
        return {"text": texts, "label": labels.tolist()}

    class Spy(Tokenizer):
        def fit_on_texts(self, texts: list[str]) -> None:
            seen.extend(texts)
            super().fit_on_texts(texts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imdb.real, "load", load)
        patch.setattr(imdb, "Tokenizer", Spy)
        yield seen
