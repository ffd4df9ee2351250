"""Words as vectors: skip-gram, CBOW and GloVe, how good they are, files that others read."""

from companion.embeddings.answers import analogies_solved, precision_at, purity
from companion.embeddings.counting import cooccurrence, glove
from companion.embeddings.predicting import cbow, skip_gram
from companion.embeddings.vectors import WordVectors

__all__ = [
    "WordVectors",
    "analogies_solved",
    "cbow",
    "cooccurrence",
    "glove",
    "precision_at",
    "purity",
    "skip_gram",
]
