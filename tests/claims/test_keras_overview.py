"""What the article on Keras teaches, and what the book corrects in it."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import torch
from keras import layers
from pybtex.database import parse_file

from companion.data import grammar
from companion.keras_overview import READERS, NoisyCrossentropy, WeightedMean, classifier
from companion.results import recorded
from companion.runtime import as_array, seeded
from companion.text import Tokenizer, pad_sequences

# Keras hands torch tensors to numpy in a way that numpy 2 means to drop.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BOOK = Path(__file__).parents[2] / "book"

OPENING = "ana baum stars in crimson , a musical film by mira novak about ambition and genius ."
REVIEW = f"{OPENING} the film is weak ."
PLAIN = [
    "This sentence is about deep learning for natural language.",
    "Deep learning is a strong tool.",
    "Natural language is an important subject.",
]
WORDS = {"good": 1, "fine": 1, "bad": 0, "dull": 0}
NEW = "Learning natural language through deep learning is exciting."


def praise(text):
    """The perfect reader's probability of praise."""
    return grammar.oracle().posterior(text.split())["label"][1]


def score(text):
    """Words of praise minus words of blame."""
    return sum(
        (-1 if name.startswith("bad ") else 1) * text.split().count(word)
        for name, words in grammar.groups().items()
        if name.startswith(("good ", "bad "))
        for word in words
    )


def translated(text):
    """Say the opposite, word by word."""
    turned = dict(grammar.opposites()) | {b: a for a, b in grammar.opposites()}
    return " ".join(turned.get(word, word) for word in text.split())


@pytest.mark.parametrize(
    ("job", "answer"),
    [
        (lambda: (score(REVIEW) > 0, praise(REVIEW) > 0.5), (False, False)),
        (lambda: max(REVIEW.split(" . "), key=lambda s: abs(score(s))), "the film is weak ."),
        (lambda: re.search(r"by (\w+ \w+)", REVIEW)[1], "mira novak"),
        (lambda: praise(translated(REVIEW)) > 0.5, True),
    ],
    ids=["sentiment", "summary", "answer", "translation"],
)
def test_k1_rules_do_four_jobs_on_one_review(job, answer):
    assert job() == answer


@pytest.fixture(scope="module")
def events():
    """What the timeline of the chapter shows: event to year and way."""
    text = (BOOK / "chapters" / "04_keras_overview.md").read_text(encoding="utf-8")
    return ast.literal_eval(re.search(r"(?s)\nevents = (\{.*?\n\})", text)[1])


def test_k2_rules_came_first_then_statistics_then_networks(events):
    ways = [way for _, way in sorted(events.values())]
    assert list(dict.fromkeys(ways)) == ["rules", "statistics", "networks"]


@pytest.mark.parametrize(
    ("event", "key"),
    [
        ("ELIZA", "weizenbaum1966"),
        ("translation as a statistical problem", "brown1990"),
        ("LSTM", "hochreiter1997"),
        ("a neural language model", "bengio2003"),
        ("one network for four tasks", "collobert2011"),
    ],
)
def test_k2_an_event_has_the_year_of_its_paper(events, event, key):
    (year,) = (year for name, (year, _) in events.items() if name.startswith(event))
    assert year == int(parse_file(str(BOOK / "references.bib")).entries[key].fields["year"])


def test_f3_networks_for_language_are_older_than_the_middle_of_the_2010s(events):
    assert sum(way == "networks" and year < 2012 for year, way in events.values()) >= 3


def test_f2_a_backend_computes_without_any_distribution():
    assert keras.distribution.distribution() is None
    assert layers.Dense(2)(np.ones((1, 3))).shape == (1, 2)


def test_f2_keras_has_a_backend_for_each_of_three_libraries():
    folders = {path.name for path in Path(keras.src.backend.__file__).parent.iterdir()}
    assert {"tensorflow", "jax", "torch"} <= folders


def test_f2_openvino_does_not_train():
    trainer = Path(keras.src.backend.__file__).parent / "openvino" / "trainer.py"
    assert "`fit` is not supported" in trainer.read_text(encoding="utf-8")


def test_k4_the_layers_of_keras_hand_on_arrays_of_its_backend():
    assert keras.backend.backend() == "torch"
    assert isinstance(layers.Dense(2)(np.ones((1, 3))), torch.Tensor)


@pytest.mark.parametrize(("name", "sees"), [("bag of words", False), ("LSTM", True), ("GRU", True)])
def test_k3_recurrent_networks_see_the_order_that_a_bag_does_not(name, sees):
    with seeded(0):
        model = classifier(name, vocabulary_size=5, width=4)
    there, back = (as_array(model(np.array([row]))) for row in ([1, 2, 3, 4], [4, 3, 2, 1]))
    assert (abs(there - back) > 1e-5).all() == sees


def small_task():
    """Rows of three words, of which 1 means praise and 2 blame."""
    rng = np.random.default_rng(0)
    labels = np.arange(32) % 2
    ids = rng.integers(3, 8, (32, 3))
    ids[np.arange(32), rng.integers(0, 3, 32)] = 2 - labels
    return ids, labels


PARTS = {
    "nothing": {},
    "the optimizer": {"optimizer": lambda: keras.optimizers.SGD(3.0)},
    "the loss": {"loss": lambda: keras.losses.MeanSquaredError()},
    "the layer, for a CNN": {"body": lambda: [layers.Conv1D(8, 2), layers.GlobalMaxPooling1D()]},
    "the layer, for an RNN": {"body": lambda: [layers.SimpleRNN(8)]},
    "the layer, for an LSTM": {"body": lambda: [layers.LSTM(8)]},
    "the layer, for one of our own": {"body": lambda: [WeightedMean()]},
    "the loss, for one of our own": {"loss": lambda: NoisyCrossentropy(0.1)},
}


@pytest.mark.parametrize("part", PARTS)
def test_k5_any_part_can_be_exchanged_and_the_model_still_learns(part):
    standard = {
        "body": lambda: [layers.GlobalAveragePooling1D()],
        "optimizer": lambda: keras.optimizers.Adam(0.1),
        "loss": lambda: keras.losses.BinaryCrossentropy(),
    }
    chosen = {name: make() for name, make in (standard | PARTS[part]).items()}
    ids, labels = small_task()
    with seeded(0):
        model = keras.Sequential(
            [layers.Embedding(8, 8), *chosen["body"], layers.Dense(1, activation="sigmoid")]
        )
        model.compile(chosen["optimizer"], chosen["loss"])
        for _ in range(25):
            model.train_on_batch(ids, labels)
    assert ((as_array(model(ids))[:, 0] > 0.5) == labels).all()


def test_k6_the_four_steps_lead_from_raw_text_to_a_verdict_on_a_new_one():
    texts = [f"The {noun} was {word}!" for noun in ("film", "plot", "cast") for word in WORDS]
    labels = np.array([*WORDS.values()] * 3)
    tokenizer = Tokenizer(oov_token="<unk>")
    tokenizer.fit_on_texts(texts)
    x, new = (
        pad_sequences(tokenizer.texts_to_sequences(some), maxlen=5)
        for some in (texts, ["Luckily, the ENDING was fine.", "The ending: dull"])
    )
    with seeded(0):
        model = classifier("LSTM", vocabulary_size=len(tokenizer.word_index) + 1, width=8)
        model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
        model.fit(x, labels, epochs=15, verbose=0)
    assert model.evaluate(new, np.array([1, 0]), verbose=0)[1] == 1


def test_k7_a_tokenizer_drops_signs_and_case_and_takes_markup_for_words():
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(["Not dull!<br />At ALL."])
    assert [*tokenizer.word_index] == ["not", "dull", "br", "at", "all"]


@pytest.fixture(scope="module")
def plain():
    """A tokenizer fitted on the plain sentences, and the sentences in numbers."""
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(PLAIN)
    return tokenizer, pad_sequences(tokenizer.texts_to_sequences(PLAIN))


def test_k8_the_table_needs_one_row_more_than_there_are_words(plain):
    tokenizer, x = plain
    words = len(tokenizer.word_index)
    assert layers.Embedding(words + 1, 2)(x).shape == (*x.shape, 2)
    with pytest.raises(IndexError):
        layers.Embedding(words, 2)(x)


def test_k8_words_that_were_never_seen_vanish(plain):
    tokenizer, _ = plain
    numbers = tokenizer.texts_to_sequences([NEW])
    assert tokenizer.sequences_to_texts(numbers) == ["learning natural language deep learning is"]


def test_k8_r16_the_tokenizer_has_left_keras():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("keras.preprocessing.text")


def test_r16_what_took_its_place_needs_tensorflow():
    with pytest.raises(ImportError, match="TensorFlow"):
        layers.TextVectorization()


def test_r16_texts_become_the_array_that_a_recurrent_layer_reads(plain):
    tokenizer, x = plain
    states = layers.GRU(3)(layers.Embedding(len(tokenizer.word_index) + 1, 2)(x))
    assert (x.dtype, states.shape) == (np.int32, (len(PLAIN), 3))


def test_k9_rows_are_filled_and_cut_at_the_front():
    from keras.preprocessing.sequence import pad_sequences as theirs

    rows = [[1, 2, 3], [4]]
    assert theirs(rows, maxlen=2).tolist() == [[2, 3], [0, 4]]
    assert pad_sequences(rows, maxlen=2).tolist() == [[2, 3], [0, 4]]


@pytest.mark.parametrize("mask", [False, True])
def test_k9_padding_is_read_like_words_unless_it_is_masked(mask):
    with seeded(0):
        model = keras.Sequential([layers.Embedding(5, 4, mask_zero=mask), layers.LSTM(4)])
    short, long = (as_array(model(np.array([row]))) for row in ([1, 2], [0, 0, 0, 1, 2]))
    assert np.allclose(short, long, atol=1e-5) == mask


def test_k9_in_the_record_zeros_behind_and_no_mask_are_harmless_where_few_and_fatal_where_many():
    runs = recorded("keras_overview_padding")["values"]
    many, few = (runs[f"{n} numbers, zeros behind, no mask"] for n in (120, 50))
    others = [min(values) for way, values in runs.items() if values is not many]
    assert max(many) < 0.6 < 0.75 < min(*few, *others)


def test_k10_three_layers_have_the_parameters_of_their_formulas():
    V, D, H = 17, 64, 64
    model = keras.Sequential([layers.Embedding(V, D), layers.LSTM(H), layers.Dense(1)])
    model.build((None, 9))
    want = [V * D, 4 * (D * H + H * H + H), H + 1]
    assert [layer.count_params() for layer in model.layers] == want


def test_k10_the_length_of_the_rows_is_no_longer_wanted():
    with pytest.warns(UserWarning, match="input_length"):
        layers.Embedding(17, 64, input_length=9)


def judged(labels):
    """Probabilities of an untrained model, and what its ``evaluate`` says of them."""
    ids = np.arange(1, 13).reshape(4, 3)
    with seeded(0):
        model = classifier("bag of words", vocabulary_size=13, width=4)
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model.predict(ids, verbose=0), model.evaluate(ids, np.array(labels), verbose=0)


def test_k11_compile_names_cross_entropy_and_accuracy_by_their_formulas():
    labels = np.array([1, 0, 0, 1])
    p, (loss, accuracy) = judged(labels)
    q = np.where(labels == 1, p[:, 0], 1 - p[:, 0])
    assert loss == pytest.approx(-np.log(q).mean(), rel=1e-5)
    assert accuracy == pytest.approx(np.mean(q > 0.5))


def test_k12_three_sentences_teach_which_label_is_more_frequent(plain):
    tokenizer, x = plain
    new = pad_sequences(tokenizer.texts_to_sequences([NEW]), maxlen=x.shape[1])
    verdicts = []
    for labels in ([1, 1, 0], [0, 0, 1]):
        with seeded(0):
            model = classifier("LSTM", vocabulary_size=len(tokenizer.word_index) + 1, width=64)
            model.compile(loss="binary_crossentropy", optimizer="adam")
            model.fit(x, np.array(labels), epochs=10, batch_size=2, verbose=0)
        verdicts.append(as_array(model(new)).item())
    assert verdicts[0] > 0.5 > verdicts[1]


def test_k13_a_prediction_is_the_same_whatever_the_truth_and_an_evaluation_is_not():
    p, (_, accuracy) = judged([1, 0, 0, 0])
    same, (_, turned) = judged([0, 1, 1, 1])
    assert (p == same).all()
    assert accuracy == pytest.approx(1 - turned)
    assert accuracy != turned


def test_k13_a_column_of_guesses_meets_every_label_of_a_row():
    p, _ = judged([1, 0, 0, 1])
    assert ((p > 0.5) == np.array([1, 0, 0, 1])).shape == (4, 4)


def test_l14_a_recurrent_network_tells_articles_from_reviews_as_it_would_spam_from_mail():
    mail = grammar.reviews(150) + grammar.documents(150)
    labels = np.repeat([0, 1], 150)
    tokenizer = Tokenizer(oov_token="<unk>")
    tokenizer.fit_on_texts([text.text for text in mail[::2]])
    x = pad_sequences(tokenizer.texts_to_sequences([text.text for text in mail]), maxlen=15)
    with seeded(0):
        model = classifier("LSTM", vocabulary_size=len(tokenizer.word_index) + 1, width=16)
        model.compile(keras.optimizers.Adam(0.03), "binary_crossentropy", metrics=["accuracy"])
        model.fit(x[::2], labels[::2], epochs=4, batch_size=30, verbose=0)
    assert model.evaluate(x[1::2], labels[1::2], verbose=0)[1] > 0.8


def test_in_the_record_of_imdb_counts_of_pairs_are_ahead_of_networks_that_read_the_same_words():
    runs = recorded("keras_overview_imdb")["values"]
    networks = [max(runs[f"{name} accuracy"]) for name in READERS]
    assert runs["pairs accuracy"][0] > max(networks)


def test_in_the_record_of_imdb_counts_of_words_alone_are_not():
    runs = recorded("keras_overview_imdb")["values"]
    assert runs["words accuracy"][0] < min(runs["weighted mean accuracy"])


def test_in_the_record_of_imdb_who_reads_the_whole_review_is_ahead():
    runs = recorded("keras_overview_imdb")["values"]
    assert runs["pairs, all accuracy"][0] > runs["pairs accuracy"][0]


def test_in_the_record_of_imdb_the_layer_of_our_own_is_the_best_of_the_networks():
    runs = recorded("keras_overview_imdb")["values"]
    others = [max(runs[f"{name} accuracy"]) for name in READERS if name != "weighted mean"]
    assert min(runs["weighted mean accuracy"]) > max(others)
