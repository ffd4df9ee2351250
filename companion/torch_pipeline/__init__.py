"""The whole way: a table of reviews, batches, a classifier, its training, its marks, its file."""

from companion.torch_pipeline.batches import Buckets, Reviews, collate, padding_share, tokenize
from companion.torch_pipeline.files import Judge
from companion.torch_pipeline.loop import evaluate, judged, train
from companion.torch_pipeline.metrics import calibration, confusion, report
from companion.torch_pipeline.models import Classifier, last_valid
from companion.torch_pipeline.tables import read_table, split_table

__all__ = [
    "Buckets",
    "Classifier",
    "Judge",
    "Reviews",
    "calibration",
    "collate",
    "confusion",
    "evaluate",
    "judged",
    "last_valid",
    "padding_share",
    "read_table",
    "report",
    "split_table",
    "tokenize",
    "train",
]
