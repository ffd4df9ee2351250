"""A classifier and its words in one file, which holds numbers and text and runs nothing."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from companion.runtime import as_array, write_whole
from companion.text import Vocabulary
from companion.torch_pipeline.batches import Reviews, collate
from companion.torch_pipeline.loop import judged
from companion.torch_pipeline.models import Classifier

__all__ = ["Judge"]

FORM = "companion.torch_pipeline 1"


class Judge:
    """A trained classifier with the vocabulary that it was trained with: texts in, numbers out.

    Parameters
    ----------
    model
        The classifier.
    vocabulary
        Its words, with ``"<pad>"`` as number 0 and ``"<unk>"`` as number 1.

    Raises
    ------
    ValueError
        If the two differ in size.

    Examples
    --------
    >>> vocabulary = Vocabulary("a dull film".split())
    >>> judge = Judge(Classifier(len(vocabulary)), vocabulary)
    >>> judge.probability(["A dull film!", ""]).shape  # (N,)
    (2,)
    """

    def __init__(self, model: Classifier, vocabulary: Vocabulary) -> None:
        size = model.config["vocabulary_size"]
        if size != len(vocabulary):
            raise ValueError(f"the model knows {size} words, the vocabulary has {len(vocabulary)}")
        self.model, self.vocabulary = model, vocabulary

    def probability(self, texts: Sequence[str], *, batch_size: int = 250) -> NDArray[np.float64]:
        """Return how probable praise is for each text, shape (N,); no texts give no numbers."""
        if isinstance(texts, str):
            raise TypeError("texts must be a list of texts, got one str")
        if not len(texts):
            return np.zeros(0)
        rows = Reviews(texts, [0] * len(texts), self.vocabulary)
        batches = DataLoader(rows, batch_size, collate_fn=collate)
        device = self.model.fc.weight.device
        moved = ([part.to(device) for part in batch] for batch in batches)
        logits, _ = judged(self.model, moved)
        return as_array(logits.double().sigmoid())

    def save(self, path: Path | str) -> None:
        """Write model and words into one file, an archive of numpy arrays; whole or not at all."""
        about = {"form": FORM, "model": self.model.config, "words": list(self.vocabulary)}
        arrays: dict[str, Any] = {
            name: as_array(value) for name, value in self.model.state_dict().items()
        }
        buffer = io.BytesIO()
        np.savez(buffer, about=np.array(json.dumps(about)), **arrays)
        write_whole(Path(path), buffer.getvalue())

    @classmethod
    def load(cls, path: Path | str) -> Judge:
        """Read what ``save`` wrote; nothing of the file is run.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is another file, or was cut short.
        """
        try:
            about, state = _read(Path(path))
            words = about["words"]
            vocabulary = Vocabulary([], specials=words)
            with torch.random.fork_rng():  # first weights draw from chance, and are thrown away
                model = Classifier(**about["model"])
            model.load_state_dict(state)
            return cls(model.eval(), vocabulary)
        except (ValueError, TypeError, KeyError, RuntimeError, EOFError, zipfile.BadZipFile) as x:
            raise ValueError(f"{path} is no file of Judge.save, or was cut short: {x}") from x


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return what a file says about its model, and the weights."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
        about = json.loads(str(kept["about"]))
        if about["form"] != FORM:
            raise ValueError(f"its form is {about['form']!r}, wanted {FORM!r}")
        arrays = {name: kept[name] for name in kept.files if name != "about"}
    return about, {name: torch.from_numpy(array) for name, array in arrays.items()}
