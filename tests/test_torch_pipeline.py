"""Tables, batches, classifiers, training, marks and files: against libraries, and broken input."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics as theirs
from sklearn.calibration import calibration_curve
from torch import nn
from torch.utils.data import DataLoader

from companion import torch_pipeline as pipeline
from companion.data import grammar
from companion.runtime import seeded
from companion.text import Vocabulary
from companion.torch_pipeline import Buckets, Classifier, Judge, Reviews, collate

TEXTS = ["A dull film.", "A superb film!", "Dull, dull, dull.", "Superb: a joy of a film.", ""]
LABELS = [0, 1, 0, 1, 1]


def write(path, text, **options):
    path.write_bytes(text.encode(**options))
    return path


# Tables.


@pytest.mark.parametrize("text", ["None", "NA", "null", "nan", "0", "  ", "", "Été 映画"])
def test_a_cell_is_read_as_it_stands(text, tmp_path):
    path = tmp_path / "a.csv"
    pd.DataFrame({"text": [text, "x"], "label": [1, 0]}).to_csv(path, index=False)
    assert pipeline.read_table(path)["text"].tolist() == [text, "x"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_line_ends_and_a_byte_order_mark_change_nothing(end, encoding, tmp_path):
    text = end.join(["id,text,label", '7,"One, ""two"".",1', "8,Three,0", ""])
    table = pipeline.read_table(write(tmp_path / "a.csv", text, encoding=encoding))
    assert table.values.tolist() == [['One, "two".', 1], ["Three", 0]]
    assert table["label"].dtype == np.int64


def test_labels_may_be_words_that_are_explained(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\na,pos\nb, neg\n")
    assert pipeline.read_table(path, labels={"neg": 0, "pos": 1})["label"].tolist() == [1, 0]


BROKEN = {
    "an empty file": (b"", "is empty; wanted a first line"),
    "no label column": (b"text,lable\na,1\n", "lacks label; .* got 'text', 'lable'"),
    "neither column": (b"a,b\n1,2\n", "lacks text and label"),
    "no row": (b"text,label\n", "has columns and no row"),
    "labels that are words": (b"text,label\na,1\nb,pos\n", "label 'pos' in row 1; wanted 0, 1"),
    "a missing label": (b"text,label\na,\nb,1\n", "label '' in row 0"),
    "a broken quotation": (b'text,label\n"a,1\n', "cannot be read as CSV"),
    "Latin 1": (b"text,label\n\xe9t\xe9,1\n", "cannot be read as CSV in UTF-8"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_table_is_refused_with_what_was_wanted(case, tmp_path):
    content, message = BROKEN[case]
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        pipeline.read_table(tmp_path / "a.csv")


def test_a_label_outside_of_the_words_given_is_refused(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\na,neutral\n")
    with pytest.raises(ValueError, match=r"'neutral' in row 0; wanted one of \['neg', 'pos'\]"):
        pipeline.read_table(path, labels={"neg": 0, "pos": 1})


def test_a_table_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        pipeline.read_table(tmp_path / "a.csv")


def test_each_row_goes_into_one_part():
    table = pd.DataFrame({"text": [str(i) for i in range(50)], "label": [0, 1] * 25})
    parts = pipeline.split_table(table, validation=7, test=5, seed=3)
    assert [len(part) for part in parts] == [38, 7, 5]
    assert sorted(pd.concat(parts)["text"], key=int) == list(table["text"])
    again = pipeline.split_table(table, validation=7, test=5, seed=3)
    assert all(one.equals(other) for one, other in zip(parts, again, strict=True))
    other = pipeline.split_table(table, validation=7, test=5, seed=4)[0]
    assert not other.equals(parts[0])


@pytest.mark.parametrize(("validation", "test"), [(0, 2), (2, 0), (3, 3), (-1, 2)])
def test_no_part_may_be_empty(validation, test):
    table = pd.DataFrame({"text": list("abcdef"), "label": [0, 1] * 3})
    with pytest.raises(ValueError, match=r"validation|test|none is left to train on"):
        pipeline.split_table(table, validation=validation, test=test, seed=0)


# Words and batches.


def test_the_tokens_of_the_generated_reviews_are_their_own():
    for review in grammar.reviews(200, seed=9):
        assert pipeline.tokenize(review.text) == review.tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        (" \r\n\t ", []),
        ("Don't!", ["don't", "!"]),
        ("one\r\ntwo", ["one", "two"]),
        ("well-made", ["well", "-", "made"]),
        ("a\N{NO-BREAK SPACE}b", ["a", "b"]),
        ("e\N{COMBINING ACUTE ACCENT}t", ["ét"]),
        ("अच्छी फ़िल्म।", ["अच्छी", "फ़िल्म", "।"]),
        ("Хороший фильм.", ["хороший", "фильм", "."]),
        ("好电影。", ["好电影", "。"]),
        ("3,5 of 5", ["3", ",", "5", "of", "5"]),
        ("a :-) b", ["a", ":", "-", ")", "b"]),
    ],
)
def test_texts_of_many_kinds_are_cut(text, tokens):
    import unicodedata

    assert pipeline.tokenize(text) == [unicodedata.normalize("NFC", token) for token in tokens]


@pytest.mark.parametrize("text", [None, float("nan"), b"film", 3])
def test_what_is_no_text_is_not_cut(text):
    with pytest.raises(TypeError, match="a text must be a str"):
        pipeline.tokenize(text)


@pytest.fixture
def vocabulary():
    return Vocabulary(word for text in TEXTS for word in pipeline.tokenize(text))


@pytest.fixture
def rows(vocabulary):
    return Reviews(TEXTS, LABELS, vocabulary)


def test_an_empty_text_is_one_unknown_word(rows):
    ids, label = rows[4]
    assert (ids.tolist(), label) == ([1], 1)
    assert rows.lengths.tolist() == [4, 4, 6, 8, 1]


@pytest.mark.parametrize(
    ("texts", "labels", "error"),
    [
        (["a"], [0, 1], ValueError),
        ([], [], ValueError),
        ("ab", [0, 1], TypeError),
        (["a"], [0.5], TypeError),
        (["a"], [-1], ValueError),
        (["a"], ["pos"], TypeError),
        ([None], [1], TypeError),
    ],
)
def test_texts_and_labels_that_do_not_fit_are_refused(texts, labels, error, vocabulary):
    with pytest.raises(error):
        Reviews(texts, labels, vocabulary)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_batch_is_padded_behind_and_keeps_its_lengths(count, rows):
    ids, lengths, labels = collate([rows[i] for i in range(count)])
    assert ids.shape == (count, max(lengths))
    assert (ids.dtype, lengths.dtype, labels.dtype) == (torch.int64, torch.int64, torch.float32)
    for row, length, (want, _) in zip(ids, lengths, rows, strict=False):
        assert row[:length].tolist() == want.tolist()
        assert not row[length:].any()
    assert labels.tolist() == LABELS[:count]


@pytest.mark.parametrize("pool", [1, 2, 20])
@pytest.mark.parametrize(("count", "size"), [(1, 4), (10, 3), (40, 4), (7, 7), (3, 10)])
def test_every_text_is_in_one_batch(pool, count, size):
    buckets = Buckets(list(range(1, count + 1)), size, pool=pool)
    batches = list(buckets)
    assert sorted(i for batch in batches for i in batch) == list(range(count))
    assert len(buckets) == len(batches)
    assert max(map(len, batches)) <= size


def test_buckets_pad_less_and_change_with_each_epoch():
    lengths = torch.arange(400) % 97 + 1
    with seeded(0):
        wild, tame = Buckets(lengths, 10, pool=1), Buckets(lengths, 10)
        shares = [pipeline.padding_share(lengths, buckets) for buckets in (wild, tame)]
        epochs = [list(tame), list(tame)]
    assert shares[1] < shares[0] / 4
    assert epochs[0] != epochs[1]


def test_buckets_are_the_same_again_from_the_same_seed():
    buckets, found = Buckets([3, 1, 2, 5, 4], 2), []
    for _ in range(2):
        with seeded(5):
            found.append(list(buckets))
    assert found[0] == found[1]


@pytest.mark.parametrize("lengths", [[], [[1, 2]]])
def test_buckets_want_one_length_for_each_text(lengths):
    with pytest.raises(ValueError, match=r"lengths must have shape \(N,\)"):
        Buckets(lengths, 2)


# Classifiers.


@pytest.mark.parametrize("pool", ["last", "max"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_verdict_hangs_neither_on_padding_nor_on_the_others(kind, bidirectional, pool, rows):
    with seeded(0):
        model = Classifier(20, kind=kind, bidirectional=bidirectional, pool=pool, num_layers=2)
    ids, lengths, _ = collate(list(rows))
    together = model(ids, lengths)
    alone = [model(ids[i : i + 1, :n], lengths[i : i + 1]) for i, n in enumerate(lengths)]
    torch.testing.assert_close(together, torch.cat(alone))
    more = model(nn.functional.pad(ids, (0, 7)), lengths)
    torch.testing.assert_close(together, more)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_classifier_gives_what_torch_gives_for_a_packed_sequence(kind, bidirectional, rows):
    with seeded(0):
        model = Classifier(20, kind=kind, bidirectional=bidirectional)
    layer = getattr(nn, kind)(32, 32, batch_first=True, bidirectional=bidirectional)
    weights = model.rnn.state_dict()
    if bidirectional:
        weights = {
            name.partition(".0.")[2] + "_reverse" * name.startswith("back"): value
            for name, value in weights.items()
        }
    layer.load_state_dict(weights)
    ids, lengths, _ = collate(list(rows))
    packed = nn.utils.rnn.pack_padded_sequence(
        model.embedding(ids), lengths, batch_first=True, enforce_sorted=False
    )
    _, state = layer(packed)
    h = state[0] if kind == "LSTM" else state
    last = torch.cat(list(h), 1) if bidirectional else h[-1]
    torch.testing.assert_close(model(ids, lengths), model.fc(last).squeeze(1))


def test_one_review_alone_gets_one_logit():
    model = Classifier(5)
    assert model(torch.tensor([[2]]), torch.tensor([1])).shape == (1,)


def test_padding_has_a_vector_of_zeros_that_stays():
    model = Classifier(5)
    model(torch.tensor([[2, 0]]), torch.tensor([2])).sum().backward()
    assert not model.embedding.weight[0].any()
    assert not model.embedding.weight.grad[0].any()


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "CNN"},
        {"pool": "mean"},
        {"dropout": 1.0},
        {"dropout": float("nan")},
        {"width": 0},
        {"num_layers": 0},
        {"hidden": 2.5},
    ],
)
def test_a_classifier_is_refused_that_cannot_be(options):
    with pytest.raises((ValueError, TypeError), match=next(iter(options))):
        Classifier(5, **options)


# Marks.


def drawn(classes, count=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, classes, count), rng.integers(0, classes, count) // 2 * 2 % classes


@pytest.mark.parametrize("classes", [2, 3, 8])
def test_marks_are_those_of_scikit_learn(classes):
    truth, guess = drawn(classes)
    matrix = pipeline.confusion(truth, guess, classes=classes)
    np.testing.assert_array_equal(matrix, theirs.confusion_matrix(truth, guess))
    marks = pipeline.report(matrix)
    for name, function in (
        ("precision", theirs.precision_score),
        ("recall", theirs.recall_score),
        ("f1", theirs.f1_score),
    ):
        want = function(truth, guess, average=None, zero_division=0)
        np.testing.assert_allclose(marks[name], want)
    for kind in ("macro", "micro"):
        want = theirs.f1_score(truth, guess, average=kind, zero_division=0)
        assert marks[f"{kind} f1"] == pytest.approx(want)
    assert marks["accuracy"] == pytest.approx(theirs.accuracy_score(truth, guess))
    assert marks["micro f1"] == pytest.approx(marks["accuracy"])


def test_a_class_that_nobody_guesses_has_a_precision_of_zero_and_no_warning():
    marks = pipeline.report(pipeline.confusion([0, 0, 1], [0, 0, 0]))
    assert marks["precision"].tolist() == [2 / 3, 0]
    assert marks["f1"].tolist() == [0.8, 0]


def test_a_class_that_occurs_nowhere_has_a_row_if_it_is_asked_for():
    assert pipeline.confusion([0, 1], [1, 1], classes=3).shape == (3, 3)


@pytest.mark.parametrize("bins", [5, 10])
def test_calibration_is_that_of_scikit_learn(bins):
    rng = np.random.default_rng(1)
    p = rng.random(500)
    truth = (rng.random(500) < p**2).astype(int)
    said, came, counts, error = pipeline.calibration(truth, p, bins=bins)
    their_came, their_said = calibration_curve(truth, p, n_bins=bins)
    np.testing.assert_allclose(said, their_said)
    np.testing.assert_allclose(came, their_came)
    assert counts.sum() == 500
    assert error == pytest.approx(abs(said - came) @ counts / 500)


def test_probabilities_at_both_ends_have_a_stretch():
    said, came, counts, error = pipeline.calibration([0, 1], [0.0, 1.0])
    assert (said.tolist(), came.tolist(), counts.tolist(), error) == ([0, 1], [0, 1], [1, 1], 0)


@pytest.mark.parametrize(
    ("truth", "guess"),
    [
        ([0, 1], [0]),
        ([], []),
        ([[0, 1]], [[0, 1]]),
        ([0, -1], [0, 1]),
        ([0, 0.5], [0, 1]),
        ([0, float("nan")], [0, 1]),
        (["a", "b"], ["a", "b"]),
    ],
)
def test_classes_that_are_none_are_refused(truth, guess):
    with pytest.raises((ValueError, TypeError)):
        pipeline.confusion(truth, guess)


def test_a_matrix_of_more_classes_than_said_is_refused():
    with pytest.raises(ValueError, match="classes must be a whole number, 3 or more"):
        pipeline.confusion([0, 2], [0, 1], classes=2)


@pytest.mark.parametrize("matrix", [[[1, 2]], [[0, 0], [0, 0]], [1, 2]])
def test_no_report_is_made_of_what_is_no_confusion_matrix(matrix):
    with pytest.raises(ValueError, match="matrix must be square and count something"):
        pipeline.report(matrix)


@pytest.mark.parametrize("p", [[0.5, 1.5], [0.5], [float("nan"), 0.5]])
def test_numbers_that_are_no_probabilities_are_refused(p):
    with pytest.raises(ValueError, match="probability must be 2 numbers from 0 to 1"):
        pipeline.calibration([0, 1], p)


# Training.


@pytest.fixture(scope="module")
def task():
    reviews = grammar.reviews(120, seed=4)
    vocabulary = Vocabulary((word for r in reviews for word in r.tokens), min_freq=2)
    texts, labels = [r.text for r in reviews], [r.label for r in reviews]
    return (
        Reviews(texts[:90], labels[:90], vocabulary),
        Reviews(texts[90:], labels[90:], vocabulary),
        vocabulary,
    )


def learner(task, *, seed=0, **options):
    with seeded(seed):
        model = Classifier(len(task[2]), width=8, hidden=8, dropout=0.2, **options)
    adam = torch.optim.Adam(model.parameters(), 0.02)
    batches = DataLoader(
        task[0], batch_sampler=Buckets(task[0].lengths, 16, pool=2), collate_fn=collate
    )
    held = DataLoader(task[1], 8, collate_fn=collate)
    return model, batches, adam, held


def learn(parts, *, epochs, seed=1, **options):
    model, batches, adam, held = parts
    with seeded(seed):
        return pipeline.train(model, batches, adam, validation=held, epochs=epochs, **options)


def test_the_best_state_is_left_in_the_model(task):
    parts = learner(task)
    history = learn(parts, epochs=6)
    losses = [epoch["validation loss"] for epoch in history.epochs]
    assert min(losses) < losses[-1], "the task is meant to overfit"
    assert pipeline.evaluate(parts[0], parts[3])["validation loss"] == pytest.approx(min(losses))


class Killed(Exception):
    """The machine stops."""


@pytest.mark.parametrize(("epoch", "batch"), [(0, 2), (2, 0), (3, 4)])
def test_a_run_that_was_killed_goes_on_with_the_same_numbers(epoch, batch, task, tmp_path):
    whole = learner(task)
    want = learn(whole, epochs=5)

    class Dying:
        """Batches that end in an accident."""

        def __init__(self, batches):
            self.batches, self.left = batches, epoch * len(batches) + batch

        def __iter__(self):
            for one in self.batches:
                if not self.left:
                    raise Killed
                self.left -= 1
                yield one

    model, batches, adam, held = learner(task)
    with pytest.raises(Killed):
        learn((model, Dying(batches), adam, held), epochs=5, checkpoint=tmp_path / "a.checkpoint")
    fresh = learner(task, seed=epoch and 7)
    got = learn(fresh, epochs=5, checkpoint=tmp_path / "a.checkpoint", seed=1 if not epoch else 9)
    assert got.epochs == want.epochs
    assert got.steps == want.steps
    for name, value in whole[0].state_dict().items():
        assert torch.equal(value, fresh[0].state_dict()[name]), name


def test_a_run_that_is_done_is_not_done_again(task, tmp_path):
    first, path = learner(task), tmp_path / "a.checkpoint"
    want = learn(first, epochs=3, checkpoint=path)
    before = path.read_bytes()
    second = learner(task, seed=8)
    assert learn(second, epochs=3, checkpoint=path).epochs == want.epochs
    assert path.read_bytes() == before
    assert torch.equal(first[0].fc.weight, second[0].fc.weight)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_checkpoint_that_was_cut_short_is_refused_and_changes_nothing(share, task, tmp_path):
    path = tmp_path / "a.checkpoint"
    learn(learner(task), epochs=1, checkpoint=path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    parts = learner(task, seed=3)
    before = parts[0].fc.weight.clone()
    with pytest.raises(ValueError, match="was cut short"):
        learn(parts, epochs=2, checkpoint=path)
    assert torch.equal(parts[0].fc.weight, before)


def test_a_file_of_something_else_is_no_checkpoint(task, tmp_path):
    torch.save({"weights": torch.ones(2)}, tmp_path / "a.checkpoint")
    with pytest.raises(ValueError, match="is no checkpoint of train"):
        learn(learner(task), epochs=1, checkpoint=tmp_path / "a.checkpoint")


class Bomb:
    """What a stranger may put into a pickle."""

    def __reduce__(self):
        return print, ("it ran",)


def test_a_checkpoint_that_would_run_something_is_refused(task, tmp_path, capsys):
    torch.save({"model": Bomb()}, tmp_path / "a.checkpoint")
    with pytest.raises(ValueError, match="is no checkpoint of train"):
        learn(learner(task), epochs=1, checkpoint=tmp_path / "a.checkpoint")
    assert "it ran" not in capsys.readouterr().out


@pytest.mark.parametrize("options", [{"kind": "GRU"}, {"num_layers": 2}])
def test_a_checkpoint_of_another_model_is_refused_and_changes_nothing(options, task, tmp_path):
    learn(learner(task), epochs=1, checkpoint=tmp_path / "a.checkpoint")
    parts = learner(task, **options)
    before = parts[0].embedding.weight.clone()
    with pytest.raises(ValueError, match=r"is of another model: rnn\S+ has shape"):
        learn(parts, epochs=2, checkpoint=tmp_path / "a.checkpoint")
    assert torch.equal(parts[0].embedding.weight, before)


def test_a_checkpoint_of_another_optimizer_is_refused(task, tmp_path):
    learn(learner(task), epochs=1, checkpoint=tmp_path / "a.checkpoint")
    model, batches, _, held = learner(task)
    head_only = torch.optim.Adam(model.fc.parameters())
    before = model.fc.weight.clone()
    with pytest.raises(ValueError, match="belongs to another optimizer"):
        learn((model, batches, head_only, held), epochs=2, checkpoint=tmp_path / "a.checkpoint")
    assert torch.equal(model.fc.weight, before)


@pytest.mark.parametrize("training", [True, False])
def test_judging_leaves_the_mode_as_it_was(training, task):
    model, _, _, held = learner(task)
    model.train(training)
    first, second = (pipeline.judged(model, held)[0] for _ in range(2))
    assert torch.equal(first, second)
    assert model.training is training


def test_judging_leaves_the_mode_as_it_was_where_it_fails(task):
    model = learner(task)[0]
    with pytest.raises(IndexError):
        pipeline.judged(model, [(torch.tensor([[99_999]]), torch.tensor([1]), torch.ones(1))])
    assert model.training


@pytest.mark.parametrize("size", [1, 7, 29, 30])
def test_an_evaluation_does_not_hang_on_the_batch_size(size, task):
    model, _, _, held = learner(task)
    want = pipeline.evaluate(model, held)
    got = pipeline.evaluate(model, DataLoader(task[1], size, collate_fn=collate))
    assert got == pytest.approx(want, rel=1e-5)


def test_nothing_to_judge_is_an_error(task):
    with pytest.raises(ValueError, match="batches gave no batch"):
        pipeline.evaluate(learner(task)[0], [])


# Files.


@pytest.fixture
def judge(task):
    with seeded(0):
        return Judge(Classifier(len(task[2]), bidirectional=True, dropout=0.5), task[2])


def test_a_judge_comes_back_from_its_file_as_it_was(judge, tmp_path):
    judge.save(tmp_path / "a.npz")
    again = Judge.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(again.probability(TEXTS), judge.probability(TEXTS))
    assert list(again.vocabulary) == list(judge.vocabulary)
    assert again.model.config == judge.model.config


def test_the_file_of_a_judge_holds_no_pickle(judge, tmp_path):
    judge.save(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert all(name.endswith(".npy") for name in archive.namelist())
        for name in archive.namelist():
            np.load(io.BytesIO(archive.read(name)), allow_pickle=False)


def test_loading_draws_nothing_from_chance(judge, tmp_path):
    judge.save(tmp_path / "a.npz")
    before = torch.get_rng_state()
    Judge.load(tmp_path / "a.npz")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_file_that_was_cut_short_is_refused(share, judge, tmp_path):
    path = tmp_path / "a.npz"
    judge.save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"a\.npz is no file of Judge\.save, or was cut short"):
        Judge.load(path)


def test_a_file_of_weights_alone_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", weight=np.ones(3))
    with pytest.raises(ValueError, match=r"is no file of Judge\.save"):
        Judge.load(tmp_path / "a.npz")


def test_a_file_with_objects_is_refused_and_not_run(tmp_path, capsys):
    np.savez(tmp_path / "a.npz", about=np.array(Bomb(), dtype=object))
    with pytest.raises(ValueError, match=r"is no file of Judge\.save"):
        Judge.load(tmp_path / "a.npz")
    assert "it ran" not in capsys.readouterr().out


def test_a_judge_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        Judge.load(tmp_path / "a.npz")


def test_a_model_of_another_size_than_the_vocabulary_is_refused(vocabulary):
    with pytest.raises(ValueError, match="the model knows 99 words"):
        Judge(Classifier(99), vocabulary)


def test_verdicts_hang_neither_on_the_others_nor_on_the_batch_size(judge):
    together = judge.probability(TEXTS)
    np.testing.assert_allclose(judge.probability(TEXTS, batch_size=2), together, atol=1e-6)
    alone = [judge.probability([text])[0] for text in TEXTS]
    np.testing.assert_allclose(alone, together, atol=1e-6)
    assert ((together > 0) & (together < 1)).all()


def test_no_texts_get_no_verdicts_and_one_text_is_no_list(judge):
    assert judge.probability([]).shape == (0,)
    with pytest.raises(TypeError, match="texts must be a list of texts, got one str"):
        judge.probability("A dull film.")


def test_unknown_words_and_other_scripts_are_judged(judge):
    assert np.isfinite(judge.probability(["好电影。", "zzz", "\r\n"])).all()
