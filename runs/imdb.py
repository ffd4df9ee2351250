"""The film reviews of IMDB, as every long run reads them."""

from __future__ import annotations

import numpy as np

from companion.data import real


def reviews(part: str) -> tuple[list[str], np.ndarray]:
    """Return the texts of a part, without the line breaks of the web page, and the labels, 0 or 1.

    Parameters
    ----------
    part
        ``train`` or ``test``, 25,000 reviews each, sorted by label.

    Raises
    ------
    NotThere
        If the reviews are not there.
    """
    found = real.load("stanfordnlp/imdb", part)
    return [text.replace("<br />", " ") for text in found["text"]], np.array(found["label"])
