"""Remedies against learning by heart: prices, noise, other words, an early stop, honest choices."""

from companion.overfitting.augmentation import (
    random_deletion,
    random_insertion,
    random_swap,
    synonym_replacement,
    thesaurus,
)
from companion.overfitting.noise import Dropout, VariationalDropout
from companion.overfitting.penalties import Adam, ProximalL1, soft_threshold
from companion.overfitting.reader import Batches, Reader, encode, learn, measure
from companion.overfitting.stopping import EarlyStopping
from companion.overfitting.validation import k_fold, log_uniform, nested

__all__ = [
    "Adam",
    "Batches",
    "Dropout",
    "EarlyStopping",
    "ProximalL1",
    "Reader",
    "VariationalDropout",
    "encode",
    "k_fold",
    "learn",
    "log_uniform",
    "measure",
    "nested",
    "random_deletion",
    "random_insertion",
    "random_swap",
    "soft_threshold",
    "synonym_replacement",
    "thesaurus",
]
