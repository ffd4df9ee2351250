"""Answers to the exercises on Keras: right ones, and some one small slip away."""

from __future__ import annotations

import re

from companion import text  # names the backend, so it comes before Keras

# isort: split
import keras
import numpy as np
import sklearn.metrics
import torch
from keras import ops

from tests.checks._both_ways import Answers


class Stub(keras.layers.Layer):
    def __init__(self, start=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape):
        return ...

    def call(self, x, mask=None):
        return ...

    def get_config(self):
        return ...


answers = Answers("keras_overview")
right, wrong, equal = answers.right, answers.wrong, answers.equal


# 1


@right("encode")
def word_by_word(text, index):
    ids = []
    for word in text.split():
        if word.lower() in index:
            ids.append(index[word.lower()])
        else:
            ids.append(index["<unk>"])
    return np.array(ids)


@right("encode")
def with_get(text, index):
    return torch.tensor([index.get(word, index["<unk>"]) for word in text.lower().split()])


@wrong("encode", "number of padding")
def unknown_is_padding(text, index):
    return [index.get(word, 0) for word in text.lower().split()]


@wrong("encode", "drops unknown words")
def unknown_dropped(text, index):
    return [index[word] for word in text.lower().split() if word in index]


@wrong("encode", "48 numbers for 12 words")
def letter_by_letter(text, index):
    return [index.get(letter, index["<unk>"]) for letter in text.lower()]


@wrong("encode", "one too low")
def from_zero(text, index):
    return [i - 1 for i in with_get(text, index)]


@wrong("encode", "capitals")
def case_kept(text, index):
    return [index.get(word, index["<unk>"]) for word in text.split()]


@wrong("encode", "None among")
def unknown_is_none(text, index):
    return [index.get(word) for word in text.lower().split()]


@wrong("encode", "KeyError: 'at'")
def unknown_not_expected(text, index):
    return [index[word] for word in text.lower().split()]


@wrong("encode", "invent a number")
def unknown_is_new(text, index):
    return [index.get(word, max(index.values()) + 1) for word in text.lower().split()]


@wrong("encode", "changed its argument `index`")
def unknown_is_learned(text, index):
    return [index.setdefault(word, len(index) + 1) for word in text.lower().split()]


@wrong("encode", "fixed in your code")
def unknown_is_one(text, index):
    return [index.get(word, 1) for word in text.lower().split()]


@wrong("encode", "second space")
def parted_at_each_space(text, index):
    return [index.get(word, index["<unk>"]) for word in text.lower().split(" ")]


@right("encode")
def by_what_is_not_white(text, index):
    return [index.get(word, index["<unk>"]) for word in re.findall(r"\S+", text.lower())]


@wrong("encode", "A word that comes again")
def each_word_once(text, index):
    return [index.get(word, index["<unk>"]) for word in dict.fromkeys(text.lower().split())]


@wrong("encode", "You clean signs away")
def signs_stripped(text, index):
    return [index.get(word.strip(",.!"), index["<unk>"]) for word in text.lower().split()]


@wrong("encode", "count the places")
def places_for_numbers(text, index):
    places = list(index)
    return [places.index(w if w in index else "<unk>") for w in text.lower().split()]


@wrong("encode", "Without words the list is empty")
def never_empty(text, index):
    return with_get(text, index).tolist() or [index["<unk>"]]


@wrong("encode", "Asked is a flat list")
def a_batch_of_one(text, index):
    return [with_get(text, index).tolist()]


# 2


@right("pad")
def by_keras(rows, length, **settings):
    return keras.utils.pad_sequences(rows, length, **settings)


@right("pad")
def by_the_course(rows, length, **settings):
    return torch.tensor(text.pad_sequences(rows, length, **settings))


@right("pad")
def filled_into_zeros(rows, length, *, padding="pre", truncating="pre"):
    padded = np.zeros((len(rows), length))
    for i, row in enumerate(rows):
        row = row[max(len(row) - length, 0) :] if truncating == "pre" else row[:length]
        start = length - len(row) if padding == "pre" else 0
        padded[i, start : start + len(row)] = row
    return padded


def padded(rows, length, cut, fill, zero=0):
    cut_rows = [cut(row) for row in rows]
    return [fill(row, [zero] * (length - len(row))) for row in cut_rows]


@wrong("pad", "cut a long row at the wrong end")
def always_keeps_the_start(rows, length, *, padding="pre", truncating="pre"):
    return by_keras(rows, length, padding=padding, truncating="post")


@wrong("pad", "fill a short row up at the wrong end")
def fills_up_at_the_wrong_end(rows, length, *, padding="pre", truncating="pre"):
    other = "post" if padding == "pre" else "pre"
    return by_keras(rows, length, padding=other, truncating=truncating)


@wrong("pad", "padding='post', truncating='pre' you fill")
def always_fills_up_in_front(rows, length, *, padding="pre", truncating="pre"):
    return by_keras(rows, length, padding="pre", truncating=truncating)


@wrong("pad", "padding='post', truncating='pre' you cut")
def cuts_where_it_pads(rows, length, *, padding="pre", truncating="pre"):
    return by_keras(rows, length, padding=padding, truncating=padding)


@wrong("pad", "something else than 0")
def fills_up_with_one(rows, length, **settings):
    return by_keras(rows, length, value=1, **settings)


@wrong("pad", "The result for length 3 is wrong in 11 of 12 entries")
def fills_up_with_one_and_turns_round(rows, length, **settings):
    return np.flip(by_keras(rows, length, value=1, **settings))


@wrong("pad", "nothing cuts it")
def never_cut(rows, length, *, padding="pre", truncating="pre"):
    return [[0] * (length - len(row)) + row for row in rows]


@wrong("pad", "A short row stays short")
def never_filled(rows, length, *, padding="pre", truncating="pre"):
    return [row[-length:] for row in rows]


@wrong("pad", "changed its argument `rows`")
def rows_cut_in_place(rows, length, *, padding="pre", truncating="pre"):
    for row in rows:
        del row[:-length]
    return [[0] * (length - len(row)) + row for row in rows]


@right("pad")
def number_by_number(rows, length, *, padding="pre", truncating="pre"):
    padded = [list(row) for row in rows]
    for row in padded:
        while len(row) > length:
            row.pop(0 if truncating == "pre" else -1)
        while len(row) < length:
            row.insert(0 if padding == "pre" else len(row), 0)
    return tuple(map(tuple, padded))


@wrong("pad", "neither `padding` nor `truncating` is given you fill")
def fills_up_at_the_end_unless_told(rows, length, *, padding="post", truncating="pre"):
    return by_keras(rows, length, padding=padding, truncating=truncating)


@wrong("pad", "neither `padding` nor `truncating` is given you cut")
def cuts_at_the_end_unless_told(rows, length, *, padding="pre", truncating="post"):
    return by_keras(rows, length, padding=padding, truncating=truncating)


@wrong("pad", "With truncating='post' you fill a short row up at the wrong end. What holds then")
def fills_up_where_it_is_told_to_cut(rows, length, *, padding=None, truncating="pre"):
    return by_keras(rows, length, padding=padding or truncating, truncating=truncating)


@wrong("pad", "The row [2, 9] should come out with 5 numbers. Yours has 3.")
def length_of_the_first_call(rows, length, **settings):
    return by_keras(rows, 3, **settings)


@wrong("pad", "The row [7] should come out with 3 numbers. Yours has 4.")
def zeros_for_a_whole_row(rows, length, *, padding="pre", truncating="pre"):
    return [[0] * length + row for row in rows]


# 3


@right("count_parameters")
def one_layer_after_the_other(V, D, H):
    gate = (D + H + 1) * H
    return V * D + 4 * gate + (H + 1)


@right("count_parameters")
def counted_by_keras(V, D, H):
    layers = keras.layers.Embedding(V, D), keras.layers.LSTM(H), keras.layers.Dense(1)
    return keras.Sequential([keras.Input((7,)), *layers]).count_params()


def count(V, D, H, *, gates=4, word=1, state=1, bias=1, table=1, last=1):
    gate = word * D * H + state * H * H + bias * H
    return table * V * D + gates * gate + last * (H + 1)


@wrong("count_parameters", "two biases")
def two_biases_as_in_torch(V, D, H):
    parts = torch.nn.Embedding(V, D), torch.nn.LSTM(D, H), torch.nn.Linear(H, 1)
    return sum(weight.numel() for part in parts for weight in part.parameters())


@wrong("count_parameters", "one gate")
def one_gate(V, D, H):
    return count(V, D, H, gates=1)


@wrong("count_parameters", "one more")
def three_gates(V, D, H):
    return count(V, D, H, gates=3)


@wrong("count_parameters", "LSTM's biases")
def no_bias(V, D, H):
    return count(V, D, H, bias=0)


@wrong("count_parameters", "embedding is missing")
def no_embedding(V, D, H):
    return count(V, D, H, table=0)


@wrong("count_parameters", "bias of the last layer")
def no_last_bias(V, D, H):
    return count(V, D, H) - 1


@wrong("count_parameters", "The last layer is missing")
def no_last_layer(V, D, H):
    return count(V, D, H, last=0)


@wrong("count_parameters", "own last state")
def no_memory(V, D, H):
    return count(V, D, H, state=0)


@wrong("count_parameters", "word that comes in")
def no_input(V, D, H):
    return count(V, D, H, word=0)


@wrong("count_parameters", "swap D and H")
def swapped_in_the_lstm(V, D, H):
    return V * D + 4 * (D * H + D * D + D) + H + 1


@wrong("count_parameters", "not H")
def wide_embedding(V, D, H):
    return count(V, D, H) + V * (H - D)


@wrong("count_parameters", "not D")
def last_layer_reads_the_word(V, D, H):
    return count(V, D, H) - H + D


@wrong("count_parameters", "One row too many")
def a_row_for_padding(V, D, H):
    return count(V + 1, D, H)


@wrong("count_parameters", "Two rows too many")
def rows_for_padding_and_unknown(V, D, H):
    return count(V + 2, D, H)


@wrong("count_parameters", "one bias for each gate")
def a_bias_for_a_gate(V, D, H):
    return count(V, D, H, bias=0) + 4


@wrong("count_parameters", "The LSTM is missing")
def no_lstm(V, D, H):
    return count(V, D, H, gates=0)


# 4


@right("masked_mean")
def text_by_text(x, ids):
    rows = [row[i != 0] for row, i in zip(x, ids, strict=True)]
    return np.array([r.mean(axis=0) if len(r) else np.zeros(x.shape[2]) for r in rows])


@right("masked_mean")
def by_torch_in_float32(x, ids):
    x, keep = torch.tensor(x, requires_grad=True), torch.tensor(ids != 0).float()
    return torch.einsum("btd,bt->bd", x, keep) / keep.sum(1, keepdim=True).clamp(min=1)


@right("masked_mean")
def by_a_keras_layer(x, ids):
    mean = keras.layers.GlobalAveragePooling1D()(x, mask=ops.convert_to_tensor(ids != 0))
    return ops.where(ops.any(ops.convert_to_tensor(ids != 0), axis=1)[:, None], mean, 0.0)


def mean_of(x, weights, divisor):
    return (x * weights[:, :, None]).sum(axis=1) / np.maximum(divisor, 1)


@wrong("masked_mean", "padded length")
def divided_by_the_padded_length(x, ids):
    return mean_of(x, ids != 0, ids.shape[1])


@wrong("masked_mean", "takes part in your mean")
def mask_ignored(x, ids):
    return x.mean(axis=1)


@wrong("masked_mean", "They are not 0")
def padding_in_the_sum(x, ids):
    return x.sum(axis=1) / np.maximum((ids != 0).sum(axis=1)[:, None], 1)


@wrong("masked_mean", "Divide it")
def never_divided(x, ids):
    return mean_of(x, ids != 0, 1)


@wrong("masked_mean", "whole batch")
def words_of_the_batch(x, ids):
    return mean_of(x, ids != 0, (ids != 0).sum())


@wrong("masked_mean", "multiply by the ids")
def ids_for_a_mask(x, ids):
    return mean_of(x, ids, (ids != 0).sum(axis=1)[:, None])


@wrong("masked_mean", "ids are weights")
def ids_for_weights(x, ids):
    return mean_of(x, ids, ids.sum(axis=1)[:, None])


@wrong("masked_mean", "from the start of a row")
def words_at_the_start(x, ids):
    return np.array([row[: (i != 0).sum()].mean(axis=0) for row, i in zip(x, ids, strict=True)])


@wrong("masked_mean", "Asked are zeros")
def nothing_by_nothing(x, ids):
    keep = ids != 0
    return (x * keep[:, :, None]).sum(axis=1) / keep.sum(axis=1)[:, None]


@wrong("masked_mean", "padding alone is wrong in 4 of 8")
def plain_mean_without_words(x, ids):
    return np.array([(r[i != 0] if i.any() else r).mean(0) for r, i in zip(x, ids, strict=True)])


@wrong("masked_mean", "more padding")
def five_words_at_most(x, ids):
    return text_by_text(x[:, :5], ids[:, :5])


@wrong("masked_mean", "shape (4, 2), yours has (4, 5)")
def mean_over_the_features(x, ids):
    return x.mean(axis=2) * (ids != 0)


@wrong("masked_mean", "changed its argument `x`")
def padding_set_to_zero_in_place(x, ids):
    x[ids == 0] = 0
    return x.sum(axis=1) / np.maximum((ids != 0).sum(axis=1)[:, None], 1)


@right("masked_mean")
def number_by_number_in_python(x, ids):
    means = []
    for vectors, numbers in zip(x, ids, strict=True):
        words = [list(v) for v, i in zip(vectors, numbers, strict=True) if i]
        columns = zip(*words, strict=True) if words else []
        means.append([sum(column) / len(words) for column in columns] or [0.0] * x.shape[2])
    return means


@wrong("masked_mean", "leave out the words with number 1")
def unknown_words_left_out(x, ids):
    return mean_of(x, ids > 1, (ids > 1).sum(axis=1)[:, None])


@wrong("masked_mean", "but count all words")
def unknown_words_counted_only(x, ids):
    return mean_of(x, ids > 1, (ids != 0).sum(axis=1)[:, None])


@wrong("masked_mean", "by 2 where a text has one word")
def two_words_at_least(x, ids):
    return mean_of(x, ids != 0, np.maximum((ids != 0).sum(axis=1)[:, None], 2))


@wrong("masked_mean", "a batch of one should have shape (1, 2), yours has (2,)")
def batch_of_one_squeezed(x, ids):
    return np.squeeze(text_by_text(x, ids))


equal("masked_mean", "np.maximum(words, 1) -> np.maximum(1, words)", "the larger of two is one")


# 5


@right("report")
def four_counts(probabilities, labels, *, threshold=0.5):
    guess = np.squeeze(probabilities, axis=1) >= threshold
    matrix = [[np.sum((labels == i) & (guess == j)) for j in (0, 1)] for i in (0, 1)]
    return matrix, (matrix[0][0] + matrix[1][1]) / len(labels)


@right("report")
def by_scikit_learn(probabilities, labels, *, threshold=0.5):
    guess = probabilities.ravel() >= threshold
    matrix = sklearn.metrics.confusion_matrix(labels, guess, labels=[0, 1])
    return matrix, sklearn.metrics.accuracy_score(labels, guess)


@right("report")
def by_torch_in_pairs(probabilities, labels, *, threshold=0.5):
    guess = torch.tensor(probabilities)[:, 0] >= threshold
    pairs = 2 * torch.tensor(labels) + guess
    matrix = torch.bincount(pairs, minlength=4).reshape(2, 2)
    return [matrix, matrix.trace() / matrix.sum()]


@wrong("report", "`matrix` looks at N times N pairs")
def column_against_row(probabilities, labels, *, threshold=0.5):
    guess = probabilities >= threshold
    matrix = [[np.sum((labels == i) & (guess == j)) for j in (0, 1)] for i in (0, 1)]
    return matrix, np.mean(guess == labels)


@wrong("report", "`accuracy` looks at N times N pairs")
def column_against_row_in_the_accuracy(probabilities, labels, *, threshold=0.5):
    matrix, _ = four_counts(probabilities, labels, threshold=threshold)
    return matrix, np.mean((probabilities >= threshold) == labels)


@wrong("report", "Rows and columns are swapped")
def transposed(probabilities, labels, *, threshold=0.5):
    matrix, accuracy = four_counts(probabilities, labels, threshold=threshold)
    return np.transpose(matrix), accuracy


@wrong("report", "`round` makes 0.5 a 0")
def rounded(probabilities, labels, *, threshold=0.5):
    guess = np.round(probabilities)
    return four_counts(guess, labels)


@wrong("report", "threshold is fixed in your code. Use")
def threshold_fixed(probabilities, labels, *, threshold=0.5):
    return four_counts(probabilities, labels)


@wrong("report", "Label 1 comes first")
def good_reviews_first(probabilities, labels, *, threshold=0.5):
    matrix, accuracy = four_counts(probabilities, labels, threshold=threshold)
    return np.flip(matrix), accuracy


@wrong("report", "yours holds shares")
def shares_in_the_matrix(probabilities, labels, *, threshold=0.5):
    matrix, accuracy = four_counts(probabilities, labels, threshold=threshold)
    return np.divide(matrix, len(labels)), accuracy


@wrong("report", "is a count")
def accuracy_as_a_count(probabilities, labels, *, threshold=0.5):
    matrix, accuracy = four_counts(probabilities, labels, threshold=threshold)
    return matrix, accuracy * len(labels)


@wrong("report", "in percent")
def accuracy_in_percent(probabilities, labels, *, threshold=0.5):
    matrix, accuracy = four_counts(probabilities, labels, threshold=threshold)
    return matrix, 100 * accuracy


@wrong("report", "wrong guesses")
def error_for_accuracy(probabilities, labels, *, threshold=0.5):
    matrix, accuracy = four_counts(probabilities, labels, threshold=threshold)
    return matrix, 1 - accuracy


@wrong("report", "precision")
def precision_for_accuracy(probabilities, labels, *, threshold=0.5):
    matrix, _ = four_counts(probabilities, labels, threshold=threshold)
    return matrix, matrix[1][1] / (matrix[0][1] + matrix[1][1])


@wrong("report", "recall")
def recall_for_accuracy(probabilities, labels, *, threshold=0.5):
    matrix, _ = four_counts(probabilities, labels, threshold=threshold)
    return matrix, matrix[1][1] / (matrix[1][0] + matrix[1][1])


@wrong("report", "still 2 by 2")
def classes_that_occur(probabilities, labels, *, threshold=0.5):
    guess = probabilities.ravel() >= threshold
    seen = np.union1d(labels, guess)
    matrix = sklearn.metrics.confusion_matrix(labels, guess, labels=seen)
    return matrix, np.mean(guess == labels)


@wrong("report", "has 2 results (matrix, accuracy)")
def matrix_alone(probabilities, labels, *, threshold=0.5):
    return np.array(four_counts(probabilities, labels, threshold=threshold)[0])


@wrong("report", "`accuracy` takes 0.5 for the threshold")
def threshold_of_the_accuracy_fixed(probabilities, labels, *, threshold=0.5):
    matrix, _ = four_counts(probabilities, labels, threshold=threshold)
    return matrix, four_counts(probabilities, labels)[1]


@wrong("report", "at the threshold counts as good. Yours")
def threshold_left_out(probabilities, labels, *, threshold=0.5):
    return four_counts(probabilities > threshold, labels)


@wrong("report", "`accuracy` counts a probability at the threshold as bad")
def threshold_left_out_of_the_accuracy(probabilities, labels, *, threshold=0.5):
    matrix, _ = four_counts(probabilities, labels, threshold=threshold)
    return matrix, threshold_left_out(probabilities, labels, threshold=threshold)[1]


@wrong("report", "Where no threshold is given it is 0.5")
def another_threshold_unless_told(probabilities, labels, *, threshold=0.75):
    return four_counts(probabilities, labels, threshold=threshold)


@wrong("report", "is below the threshold")
def guesses_turned_round(probabilities, labels, *, threshold=0.5):
    return four_counts(probabilities < threshold, labels)


@wrong("report", "`accuracy with threshold=0.25` is too small")
def ten_reviews_always(probabilities, labels, *, threshold=0.5):
    matrix, _ = four_counts(probabilities, labels, threshold=threshold)
    return matrix, (matrix[0][0] + matrix[1][1]) / 10


equal("report", "0 -> -1", "the first of one column is the last")
counts = "a count that is kept as 3.0 is the count 3; the task leaves the type open"
equal("report", "np.zeros((2, 2), dtype=int) -> np.zeros((2, 2))", counts)


# 6


@right("focal_loss")
def labels_as_weights(y_true, y_pred, *, gamma=2.0):
    y, p = ops.reshape(y_true, (-1,)), ops.clip(ops.reshape(y_pred, (-1,)), 1e-6, 1 - 1e-6)
    good = y * ops.power(1 - p, gamma) * ops.log(p)
    bad = (1 - y) * ops.power(p, gamma) * ops.log(1 - p)
    return -(good + bad)


@right("focal_loss")
def by_torch(y_true, y_pred, *, gamma=2.0):
    y, p = y_true.flatten(), y_pred.flatten().clamp(1e-7, 1 - 1e-7)
    entropy = torch.nn.functional.binary_cross_entropy(p, y, reduction="none")
    return (1 - torch.exp(-entropy)) ** gamma * entropy


@right("focal_loss")
def by_the_function_of_keras(y_true, y_pred, *, gamma=2.0):
    y = ops.reshape(y_true, (-1, 1))
    return keras.losses.binary_focal_crossentropy(y, y_pred, gamma=gamma)


def focal(q, gamma):
    q = ops.clip(q, 1e-7, 1 - 1e-7)
    return -((1 - q) ** gamma) * ops.log(q)


def flat(y_true, y_pred):
    y, p = ops.reshape(y_true, (-1,)), ops.reshape(y_pred, (-1,))
    return y, p, ops.where(y == 1, p, 1 - p)


@wrong("focal_loss", "every guess meets every label")
def each_with_each(y_true, y_pred, *, gamma=2.0):
    return focal(ops.where(y_true == 1, y_pred, 1 - y_pred), gamma)


@wrong("focal_loss", "as `fit` hands them over")
def guesses_alone_made_flat(y_true, y_pred, *, gamma=2.0):
    p = y_pred[:, 0]
    return focal(ops.where(y_true == 1, p, 1 - p), gamma)


@wrong("focal_loss", "one number")
def mean_taken(y_true, y_pred, *, gamma=2.0):
    return ops.mean(by_torch(y_true, y_pred, gamma=gamma))


@wrong("focal_loss", "This is cross-entropy")
def cross_entropy(y_true, y_pred, *, gamma=2.0):
    return by_torch(y_true, y_pred, gamma=0.0)


@wrong("focal_loss", "Turned round")
def looks_at_what_is_known(y_true, y_pred, *, gamma=2.0):
    _, _, q = flat(y_true, y_pred)
    return -(q**gamma) * ops.log(q)


@wrong("focal_loss", "swap the labels")
def labels_swapped(y_true, y_pred, *, gamma=2.0):
    return by_torch(1 - y_true, y_pred, gamma=gamma)


@wrong("focal_loss", "Your gamma stays 2")
def gamma_fixed(y_true, y_pred, *, gamma=2.0):
    return by_torch(y_true, y_pred, gamma=2.0)


@wrong("focal_loss", "It is an exponent")
def gamma_for_a_factor(y_true, y_pred, *, gamma=2.0):
    _, _, q = flat(y_true, y_pred)
    return -(1 - q) * gamma * ops.log(q)


@wrong("focal_loss", "wrong sign")
def minus_forgotten(y_true, y_pred, *, gamma=2.0):
    return -by_torch(y_true, y_pred, gamma=gamma)


@wrong("focal_loss", "label 0 cost nothing")
def half_a_cross_entropy(y_true, y_pred, *, gamma=2.0):
    y, p, _ = flat(y_true, y_pred)
    return y * focal(p, gamma)


@wrong("focal_loss", "p for q")
def labels_ignored(y_true, y_pred, *, gamma=2.0):
    return focal(ops.reshape(y_pred, (-1,)), gamma)


@wrong("focal_loss", "sigmoid too many")
def probabilities_for_logits(y_true, y_pred, *, gamma=2.0):
    return by_torch(y_true, ops.sigmoid(y_pred), gamma=gamma)


@wrong("focal_loss", "the logarithm is not")
def logarithm_forgotten(y_true, y_pred, *, gamma=2.0):
    _, _, q = flat(y_true, y_pred)
    return (1 - q) ** gamma


@wrong("focal_loss", "log 0 teaches nothing")
def nothing_clipped(y_true, y_pred, *, gamma=2.0):
    _, _, q = flat(y_true, y_pred)
    return -((1 - q) ** gamma) * ops.log(q)


@wrong("focal_loss", "mend q")
def logarithm_replaced_at_zero(y_true, y_pred, *, gamma=2.0):
    _, _, q = flat(y_true, y_pred)
    return -((1 - q) ** gamma) * ops.where(q > 0, ops.log(q), -16.0)


@wrong("focal_loss", "much if wrong")
def infinity_made_zero(y_true, y_pred, *, gamma=2.0):
    return ops.nan_to_num(nothing_clipped(y_true, y_pred, gamma=gamma), posinf=0.0)


@wrong("focal_loss", "No gradient comes back")
def through_numpy(y_true, y_pred, *, gamma=2.0):
    _, _, q = flat(y_true, ops.convert_to_numpy(y_pred))
    return focal(q, gamma)


@wrong("focal_loss", "gradient of your loss")
def factor_without_gradient(y_true, y_pred, *, gamma=2.0):
    _, _, q = flat(y_true, y_pred)
    q = ops.clip(q, 1e-7, 1 - 1e-7)
    return -ops.stop_gradient((1 - q) ** gamma) * ops.log(q)


@wrong("focal_loss", "Where no gamma is given it is 2")
def cross_entropy_unless_told(y_true, y_pred, *, gamma=0.0):
    return by_torch(y_true, y_pred, gamma=gamma)


@wrong("focal_loss", "wrong in 1 of 6 entries")
def clipped_too_early(y_true, y_pred, *, gamma=2.0):
    _, _, q = flat(y_true, y_pred)
    return focal(ops.clip(q, 0.01, 0.99), gamma)


@wrong("focal_loss", "The result for one review should have shape (1,), yours has ()")
def one_review_squeezed(y_true, y_pred, *, gamma=2.0):
    return ops.squeeze(by_torch(y_true, y_pred, gamma=gamma))


@wrong("focal_loss", "takes the power of p")
def factor_of_the_guess(y_true, y_pred, *, gamma=2.0):
    _, p, q = flat(y_true, y_pred)
    return (1 - p) ** gamma * focal(q, 0.0)


@wrong("focal_loss", "label 1 cost nothing")
def the_other_half(y_true, y_pred, *, gamma=2.0):
    y, _, q = flat(y_true, y_pred)
    return (1 - y) * focal(q, gamma)


clipped = "ops.clip(q, 1e-07, 1 - 1e-07) -> ops.clip(1e-07, q, 1 - 1e-07)"
equal("focal_loss", clipped, "1e-7, but q at least, and 1 - 1e-7 at most, is the same")
at_one = "at q = 1 loss and gradient are 0 without a clip, where gamma is 1 or more, as it is there"
equal("focal_loss", "1 - 1e-07 -> 1 + 1e-07", at_one)
equal("focal_loss", "1 -> 2 (place 3)", at_one)
near = "how near to 0 and 1 the loss is cut off the task leaves open"
equal("focal_loss", "1e-07 -> 2e-07", near)
equal("focal_loss", "1e-07 -> 2e-07 (place 2)", near)


# 7


@right("SoftPool")
class ByOps(Stub):
    def build(self, input_shape):
        start = keras.initializers.Constant(self.start)
        self.s = self.add_weight(shape=(input_shape[-1],), initializer=start)

    def call(self, x, mask=None):
        scores = self.s * x
        if mask is not None:
            scores = ops.where(ops.expand_dims(mask, -1), scores, -1e9)
        return ops.sum(ops.softmax(scores, axis=1) * x, axis=1)

    def get_config(self):
        return {**keras.layers.Layer.get_config(self), "start": self.start}


@right("SoftPool")
class ByHandInTorch(ByOps):
    def build(self, input_shape):
        start = keras.initializers.Constant(self.start)
        self.s = self.add_weight(shape=(1, 1, input_shape[-1]), initializer=start)

    def call(self, x, training=False, mask=None):
        scores, words = self.s.value * x, torch.ones_like(x)
        if mask is not None:
            words = words * mask[:, :, None]
            scores = scores.masked_fill(~mask[:, :, None], torch.finfo(x.dtype).min)
        odds = words * torch.exp(scores - scores.amax(dim=1, keepdim=True))
        return (odds * x).sum(dim=1) / odds.sum(dim=1).clamp(min=1e-9)


@right("SoftPool")
class ByASublayer(ByOps):
    def build(self, input_shape):
        start, shape = keras.initializers.Constant(self.start), input_shape[1:]
        self.scale = keras.layers.EinsumDense("btd,d->btd", shape, kernel_initializer=start)
        self.scale.build(input_shape)
        self.softmax = keras.layers.Softmax(axis=1)

    def call(self, x, mask=None):
        scores = self.scale(x)
        mask = ops.ones(x.shape[:2]) if mask is None else ops.cast(mask, x.dtype)
        return ops.sum(self.softmax(scores + 1e9 * (mask - 1)[:, :, None]) * x, axis=1)


def pooled(scores, x, axis=1):
    return ops.sum(ops.softmax(scores, axis=axis) * x, axis=1)


def masked(scores, mask):
    return scores if mask is None else ops.where(mask[..., None], scores, -1e9)


@wrong("SoftPool", "In `call` it is too late")
class WeightMadeInCall(ByOps):
    def build(self, input_shape):
        pass

    def call(self, x, mask=None):
        self.s = self.add_weight(shape=(x.shape[-1],))
        return super().call(x, mask)


@wrong("SoftPool", "is not trainable")
class WeightThatNeverLearns(ByOps):
    def build(self, input_shape):
        super().build(input_shape)
        self.s.trainable = False


@wrong("SoftPool", "One sharpness for all")
class OneWeightForAll(ByOps):
    def build(self, input_shape):
        start = keras.initializers.Constant(self.start)
        self.s = self.add_weight(shape=(1,), initializer=start)


@wrong("SoftPool", "yours have [9]")
class AMatrixOfWeights(ByOps):
    def build(self, input_shape):
        self.s = self.add_weight(shape=(input_shape[-1], input_shape[-1]))


@wrong("SoftPool", "does not begin at `start`")
class WeightFromChance(ByOps):
    def build(self, input_shape):
        self.s = self.add_weight(shape=(input_shape[-1],))


@wrong("SoftPool", "AttributeError: 'WeightUnderAnotherName' object has no attribute 's'")
class WeightUnderAnotherName(ByOps):
    def build(self, input_shape):
        start = keras.initializers.Constant(self.start)
        self.sharpness = self.add_weight(shape=(input_shape[-1],), initializer=start)


@wrong("SoftPool", "`build` stopped with AttributeError: 'tuple' object has no attribute 'last'")
class ATypoInBuild(ByOps):
    def build(self, input_shape):
        self.s = self.add_weight(shape=input_shape.last)


@wrong("SoftPool", "The mask takes no part")
class MaskIgnored(ByOps):
    def call(self, x, mask=None):
        return pooled(self.s * x, x)


@wrong("SoftPool", "yours takes 1 (x)")
class MaskNotAskedFor(ByOps):
    def call(self, x):
        return pooled(self.s * x, x)


@wrong("SoftPool", "after the softmax")
class MaskedTooLate(ByOps):
    def call(self, x, mask=None):
        shares = ops.softmax(self.s * x, axis=1)
        return ops.sum(shares * mask[..., None] * x, axis=1)


@wrong("SoftPool", "e^0 is 1")
class MaskedByZero(ByOps):
    def call(self, x, mask=None):
        return pooled(self.s * x * mask[..., None], x)


@wrong("SoftPool", "turned round")
class MaskTurnedRound(ByOps):
    def call(self, x, mask=None):
        return super().call(x, ~mask)


@wrong("SoftPool", "over the features")
class SoftmaxOverFeatures(ByOps):
    def call(self, x, mask=None):
        return ops.sum(ops.softmax(self.s * x, axis=-1) * mask[..., None] * x, axis=1)


@wrong("SoftPool", "what s = 1 gives")
class WeightForgotten(ByOps):
    def call(self, x, mask=None):
        return pooled(masked(x, mask), x)


@wrong("SoftPool", "which never learns")
class StartForWeight(ByOps):
    def call(self, x, mask=None):
        return pooled(masked(self.start * x, mask), x)


@wrong("SoftPool", "A word gets one score")
class OneScoreForAWord(ByOps):
    def call(self, x, mask=None):
        return pooled(masked(ops.sum(self.s * x, axis=-1, keepdims=True), mask), x)


@wrong("SoftPool", "average the scores")
class ScoresAveraged(ByOps):
    def call(self, x, mask=None):
        return pooled(masked(self.s * x, mask), self.s * x)


@wrong("SoftPool", "divide by T")
class MeanOfShares(ByOps):
    def call(self, x, mask=None):
        return super().call(x, mask) / x.shape[1]


@wrong("SoftPool", "where no mask is given")
class MaskThatSparesTheFirst(ByOps):
    def call(self, x, mask=None):
        return super().call(x, mask) if mask is not None else super().call(x[:, 1:])


@wrong("SoftPool", "'NoneType' object is not subscriptable")
class MaskAlwaysExpected(ByOps):
    def call(self, x, mask=None):
        return pooled(ops.where(mask[..., None], self.s * x, -1e9), x)


@wrong("SoftPool", "divide 0 by 0")
class MaskedByInfinity(ByOps):
    def call(self, x, mask=None):
        scores = self.s * x
        return pooled(scores if mask is None else ops.where(mask[..., None], scores, -np.inf), x)


@wrong("SoftPool", "No gradient comes back to the weight:")
class WeightReadByNumpy(ByOps):
    def call(self, x, mask=None):
        return pooled(masked(ops.convert_to_tensor(self.s.numpy()) * x, mask), x)


@wrong("SoftPool", "`get_config` is still open")
class ConfigUntouched(ByOps):
    def get_config(self):
        return ...


@wrong("SoftPool", "Yours returns None")
class ConfigNotReturned(ByOps):
    def get_config(self):
        super().get_config()


@wrong("SoftPool", "`start` is not in it")
class ConfigWithoutStart(ByOps):
    def get_config(self):
        return keras.layers.Layer.get_config(self)


@wrong("SoftPool", "lost `name`")
class ConfigOfStartAlone(ByOps):
    def get_config(self):
        return {"start": self.start}


@wrong("SoftPool", "Unrecognized keyword arguments passed")
class ConfigUnderAnotherName(ByOps):
    def get_config(self):
        return {**keras.layers.Layer.get_config(self), "sharpness": self.start}


@wrong("SoftPool", "called with 2 arguments, `mask` by name; yours takes 2 (x, keep=None)")
class MaskUnderAnotherName(ByOps):
    def call(self, x, keep=None):
        return super().call(x, keep)


@wrong("SoftPool", "the model loaded again")
class SharpnessHiddenFromTheFile(ByOps):
    def save_own_variables(self, store):
        pass

    def load_own_variables(self, store):
        pass


@wrong("SoftPool", "`build` stopped with AttributeError: 'StartIsNoName'")
class StartIsNoName(ByOps):
    def __init__(self, start=1.0, **kwargs):
        keras.layers.Layer.__init__(self, **kwargs)


@wrong("SoftPool", "Give the class of a layer")
def a_function_for_a_layer(start, **kwargs):
    return lambda x, mask=None: x


@wrong("SoftPool", "`call` is still open")
class CallStillOpen(ByOps):
    def call(self, x, mask=None):
        return ...


@wrong("SoftPool", "`build` and `get_config` are still open")
class CallAlone(ByOps):
    build, get_config = Stub.build, Stub.get_config


@wrong("SoftPool", "scores of 120 is NaN or infinite")
class LargestNotSubtracted(ByOps):
    def call(self, x, mask=None):
        odds = ops.exp(self.s * x)
        odds = odds if mask is None else odds * (mask[:, :, None] + 1e-20)
        return ops.sum(odds * x, axis=1) / ops.sum(odds, axis=1)


@wrong("SoftPool", "Padding has a say where words have scores of -120")
class MaskedByMinusTen(ByOps):
    def call(self, x, mask=None):
        scores = self.s * x
        return pooled(scores if mask is None else ops.where(mask[..., None], scores, -10.0), x)


@wrong("SoftPool", "Padding has a say where words have scores of -2000")
class MaskedByMinusThousand(ByOps):
    def call(self, x, mask=None):
        scores = self.s * x
        return pooled(scores if mask is None else ops.where(mask[..., None], scores, -1e3), x)


@wrong("SoftPool", "subtract the words' largest")
class LargestOfAllSubtracted(ByOps):
    def call(self, x, mask=None):
        scores = self.s * x
        odds = ops.exp(scores - ops.max(scores, axis=1, keepdims=True))
        odds = odds if mask is None else odds * mask[:, :, None]
        return ops.sum(odds * x, axis=1) / ops.sum(odds, axis=1)


@wrong("SoftPool", "sends NaN back")
class InfinityMendedTooLate(MaskedByInfinity):
    def call(self, x, mask=None):
        return ops.nan_to_num(super().call(x, mask))


@wrong("SoftPool", "The gradient that comes back to x")
class SharesWithoutGradientToX(ByOps):
    def call(self, x, mask=None):
        shares = ops.softmax(masked(self.s * ops.stop_gradient(x), mask), axis=1)
        return ops.sum(shares * x, axis=1)


@wrong("SoftPool", "Built for 5 features")
class ThreeFeaturesAlways(ByOps):
    def build(self, input_shape):
        start = keras.initializers.Constant(self.start)
        self.s = self.add_weight(shape=(3,), initializer=start)


@wrong("SoftPool", "Where no `start` is given it is 1")
class AnotherStartUnlessTold(ByOps):
    def __init__(self, start=2.0, **kwargs):
        super().__init__(start, **kwargs)


@wrong("SoftPool", "lost `trainable`")
class ConfigOfNameAndStart(ByOps):
    def get_config(self):
        return {"name": self.name, "start": self.start}


@wrong("SoftPool", "yours takes 2 (x, mask). Keep")
class MaskWithoutDefault(ByOps):
    def call(self, x, mask):
        return super().call(x, mask)


equal("SoftPool", "1000000000.0 -> 2000000000.0", "any number below all scores does")


# The tests

TestAnswers = answers.tests()
