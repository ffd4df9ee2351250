"""Rows of text, a model that reads on, n-grams with Kneser-Ney smoothing, and two judges."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

from companion.data import grammar
from companion.recurrent import LSTMCell
from companion.recurrent.language_model import (
    KneserNey,
    LanguageModel,
    agreements,
    batches,
    gates,
    judge,
    one_row,
    prefers,
    pronouns,
    read_on,
    with_and_without,
)
from companion.runtime import seeded
from companion.text import Vocabulary
from companion.training import Diverged

V = 12
ROW = torch.from_numpy(np.random.default_rng(0).integers(0, V, 101))
CELLS = ["RNN", "LSTM", "GRU"]


def made(cell="LSTM", counts=None, num_layers=1):
    with seeded(0):
        return LanguageModel(
            torch.ones(V) if counts is None else counts, 5, 7, cell=cell, num_layers=num_layers
        )


def trained(model, row=ROW, lr=0.1, max_norm=1.0, times=1, length=5):
    rows = batches(row, batch_size=4, length=length)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)
    losses = []
    for _ in range(times):
        losses += read_on(model, rows, optimizer, scheduler, max_norm=max_norm)
    return losses


# One row


VOCABULARY = Vocabulary(["the", "film", "the", "end"], specials=["<unk>", "<eos>"])


def test_texts_stand_in_a_row_with_an_end_before_and_after_each():
    row = one_row([["the", "film"], ["end"]], VOCABULARY)
    assert [VOCABULARY.token(i) for i in row.tolist()] == [
        "<eos>",
        "the",
        "film",
        "<eos>",
        "end",
        "<eos>",
    ]


def test_empty_texts_leave_no_trace_in_the_row():
    texts = [["the", "film"], ["end"]]
    assert_close(
        one_row([[], texts[0], [], [], texts[1], []], VOCABULARY), one_row(texts, VOCABULARY)
    )


def test_a_word_that_nobody_knows_stands_as_unknown():
    assert one_row([["yak"]], VOCABULARY)[1] == VOCABULARY["<unk>"]


def test_a_row_needs_an_end_of_text_in_the_vocabulary():
    with pytest.raises(ValueError, match="<eos>"):
        one_row([["the"]], Vocabulary(["the"]))


# Batches


@pytest.mark.parametrize(("batch_size", "length"), [(1, 7), (4, 5), (3, 33), (100, 1), (4, 99)])
def test_targets_are_the_next_tokens(batch_size, length):
    for x, y in batches(torch.arange(101), batch_size=batch_size, length=length):
        assert_close(y, x + 1)


@pytest.mark.parametrize(("batch_size", "length"), [(1, 7), (4, 5), (3, 33), (4, 99)])
def test_each_row_goes_on_where_it_ended_in_the_batch_before(batch_size, length):
    xs = [x for x, _ in batches(torch.arange(101), batch_size=batch_size, length=length)]
    steps = torch.cat(xs, 1).diff(dim=1)
    assert_close(steps, torch.ones_like(steps))


@pytest.mark.parametrize(("batch_size", "length"), [(1, 7), (4, 5), (3, 33), (7, 3)])
def test_fewer_tokens_than_rows_are_not_read(batch_size, length):
    read = sum(y.numel() for _, y in batches(ROW, batch_size=batch_size, length=length))
    assert 0 <= len(ROW) - 1 - read < batch_size


def test_only_the_last_batch_may_be_short():
    widths = [x.shape[1] for x, _ in batches(ROW, batch_size=4, length=7)]
    assert widths == [7, 7, 7, 4]


@pytest.mark.parametrize(
    ("ids", "batch_size", "length", "told"),
    [
        (ROW, 0, 5, "batch_size must be .* 1 or more, got 0"),
        (ROW, 5, 0, "length must be .* 1 or more, got 0"),
        (ROW[:4], 4, 5, r"more than batch_size = 4 tokens, got shape \(4,\)"),
        (ROW.view(1, -1), 1, 5, r"got shape \(1, 101\)"),
    ],
)
def test_batches_say_what_they_cannot_cut(ids, batch_size, length, told):
    with pytest.raises(ValueError, match=told):
        batches(ids, batch_size=batch_size, length=length)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: batches(ROW, batch_size="4", length=5), "batch_size must be a whole number"),
        (lambda: batches(ROW, batch_size=4, length=None), "length must be a whole number"),
        (lambda: KneserNey(2.0, vocabulary_size=9), "n must be a whole number"),
        (lambda: agreements([["a"]], distance="4"), "distance must be a whole number"),
        (lambda: LanguageModel(torch.ones(3), "8", 4), "input_size must be a whole number"),
    ],
)
def test_what_is_no_whole_number_is_named(call, told):
    with pytest.raises(TypeError, match=told):
        call()


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_counts_that_have_no_logarithm_are_refused(value):
    with pytest.raises(ValueError, match="counts must be finite numbers from 0"):
        LanguageModel(torch.tensor([1.0, value]), 3, 4)


# The model


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_a_text_read_in_two_parts_is_the_same_text(cell, num_layers):
    model, ids = made(cell, num_layers=num_layers), ROW[:20].view(2, 10)
    whole, _ = model(ids)
    first, state = model(ids[:, :6])
    second, _ = model(ids[:, 6:], state)
    assert_close(torch.cat([first, second], 1), whole)


@pytest.mark.parametrize("cell", CELLS)
def test_what_comes_later_changes_nothing_before(cell):
    ids = ROW[:10].view(1, 10)
    changed = ids.clone()
    changed[0, 6] = (ids[0, 6] + 1) % V
    assert_close(made(cell)(changed)[0][:, :6], made(cell)(ids)[0][:, :6])


def test_the_logits_are_products_of_word_vectors_and_the_projected_state():
    model, ids = made(), ROW[:10].view(2, 5)
    h, _ = model.layers(model.embedding(ids))
    vectors = torch.einsum("bth,dh->btd", h, model.projection.weight)
    expected = torch.einsum("btd,vd->btv", vectors, model.embedding.weight) + model.bias
    assert_close(model(ids)[0], expected)


def test_untrained_it_says_words_nearly_as_often_as_the_text():
    counts = torch.tensor([0.0, 1, 10, 89] + [0] * (V - 4))
    p = made(counts=counts)(torch.tensor([[3]]))[0].softmax(-1).flatten()
    assert_close(p[1:4], torch.tensor([0.011, 0.10, 0.88]), rtol=0.1, atol=0)


@pytest.mark.parametrize(
    ("counts", "cell", "told"),
    [
        (torch.ones(3, 2), "LSTM", "shape"),
        (torch.ones(0), "LSTM", "shape"),
        (torch.tensor([1.0, -1]), "LSTM", "from 0"),
        (torch.ones(3), "lstm", "one of RNN, LSTM, GRU, got 'lstm'"),
    ],
)
def test_a_model_says_what_it_cannot_be_made_of(counts, cell, told):
    with pytest.raises(ValueError, match=told):
        LanguageModel(counts, 4, 4, cell=cell)


@pytest.mark.parametrize("cell", CELLS)
def test_log_prob_is_that_of_each_token_given_all_before_it(cell):
    model, ids = made(cell), ROW[:30]
    slow = [
        model(ids[: t + 1].unsqueeze(0))[0][0, -1].log_softmax(0)[ids[t + 1]].item()
        for t in range(29)
    ]
    assert_close(model.log_prob(ids), torch.tensor(slow))


def test_log_prob_hands_the_state_across_its_own_chunks():
    model, ids = made(), ROW.repeat(11)  # more than 1,000 tokens
    logits, _ = model(ids[:-1].unsqueeze(0))
    assert_close(model.log_prob(ids), -cross_entropy(logits[0], ids[1:], reduction="none"))


# Reading on


@pytest.mark.parametrize("cell", CELLS)
def test_reading_on_learns_a_row_that_repeats_itself(cell):
    losses = trained(made(cell), torch.arange(400) % 4, lr=1.0, times=5)
    assert losses[-1] < losses[0] / 4


@pytest.mark.parametrize("cell", CELLS)
def test_the_losses_are_those_of_one_long_reading(cell):
    model = made(cell)
    rows = batches(ROW, batch_size=4, length=5)
    x, y = (torch.cat(part, 1) for part in zip(*rows, strict=True))
    losses = cross_entropy(model(x)[0].transpose(1, 2), y, reduction="none")
    expected = [part.mean().item() for part in losses.split(5, 1)]
    assert trained(model, lr=0.0) == pytest.approx(expected, rel=1e-5)


def test_gradients_longer_than_the_limit_are_cut_to_it():
    model = made()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    trained(model, ROW[:21], lr=1.0, max_norm=1e-3)  # 5 steps of 4: one batch
    moved = sum((p.detach() - before[name]).square().sum() for name, p in model.named_parameters())
    assert math.sqrt(moved) == pytest.approx(1e-3, rel=1e-3)


def test_the_schedule_takes_one_step_for_each_batch():
    model = made()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    read_on(model, batches(ROW, batch_size=4, length=5), optimizer, scheduler)
    assert optimizer.param_groups[0]["lr"] == 0.5**5


def test_reading_stops_where_the_loss_is_no_number():
    model = made()
    with torch.no_grad():
        model.bias[3] = math.nan
    with pytest.raises(Diverged, match="the loss became"):
        trained(model)


def test_reading_on_takes_no_step_on_a_gradient_that_is_no_number():
    model = made()
    model.extra = nn.Parameter(torch.zeros(1))
    model.register_forward_hook(lambda m, _, out: (out[0] + 0 * m.extra.sqrt(), out[1]))
    before = {name: p.clone() for name, p in model.state_dict().items()}
    with pytest.raises(Diverged, match=r"extra \(NaN\) at step 1"):
        trained(model)
    torch.testing.assert_close(model.state_dict(), before)


@pytest.mark.parametrize("max_norm", [-1.0, 0.0, math.nan])
def test_reading_on_refuses_a_norm_that_is_not_above_zero(max_norm):
    with pytest.raises(ValueError, match="max_norm must be above 0"):
        trained(made(), max_norm=max_norm)


# Inside


def test_the_gates_are_those_of_the_cell_step_by_step():
    model, ids = made(), ROW[:9]
    shown = gates(model, ids)
    cell = LSTMCell(5, 7)
    cell.load_state_dict(
        {name.removesuffix("_l0"): w for name, w in model.layers.state_dict().items()}
    )
    state = None
    for t, x in enumerate(model.embedding(ids)):
        state = cell(x.unsqueeze(0), state)
        assert_close((shown["h"][t], shown["c"][t]), (state[0][0], state[1][0]))


def test_the_gates_explain_the_memory():
    shown = gates(made(), ROW[:9])
    past = torch.cat([torch.zeros(1, 7), shown["c"][:-1]])
    assert_close(shown["c"], shown["f"] * past + shown["i"] * shown["g"])


def test_the_gates_explain_the_output():
    shown = gates(made(), ROW[:9])
    assert_close(shown["h"], shown["o"] * shown["c"].tanh())


@pytest.mark.parametrize(("cell", "num_layers"), [("GRU", 1), ("LSTM", 2)])
def test_only_one_layer_of_lstm_shows_its_gates(cell, num_layers):
    with pytest.raises(ValueError, match="one layer of LSTM"):
        gates(made(cell, num_layers=num_layers), ROW[:9])


# Kneser-Ney


def chen_and_goodman(row, n, V):
    """Interpolated Kneser-Ney from its definition, with dictionaries; p(w, context)."""
    counts = {n: Counter(zip(*(row[i:] for i in range(n)), strict=False))}
    for k in range(n - 1, 0, -1):
        longer = set(zip(*(row[i:] for i in range(k + 1)), strict=False))
        counts[k] = Counter(gram[1:] for gram in longer)
    discount, total, kinds = {}, {}, {}
    for k, found in counts.items():
        n_1, n_2 = (sum(c == j for c in found.values()) for j in (1, 2))
        discount[k] = max(n_1, 1) / (max(n_1, 1) + 2 * n_2)
        total[k], kinds[k] = defaultdict(int), defaultdict(int)
        for gram, c in found.items():
            total[k][gram[:-1]] += c
            kinds[k][gram[:-1]] += 1

    def p(w, context):
        if context is None:
            return 1 / V
        k = len(context) + 1
        lower = context[1:] if context else None
        if not total[k][context]:
            return p(w, lower)
        kept = max(counts[k][(*context, w)] - discount[k], 0)
        left = discount[k] * kinds[k][context]
        return (kept + left * p(w, lower)) / total[k][context]

    return p


def text(length, seed):
    """Tokens of which some are frequent and some never seen, and what follows depends on them."""
    rng = np.random.default_rng(seed)
    row = [0]
    while len(row) < length:
        row.append(int((row[-1] * 3 + rng.geometric(0.4)) % (V - 2)))
    return row


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_kneser_ney_is_the_formula_of_the_paper(n):
    row, new = text(300, 1), [*text(60, 2), V - 1, 3, V - 2, V - 1, 0, 1]
    p = chen_and_goodman(row, n, V)
    expected = [math.log(p(new[t], tuple(new[max(0, t - n + 1) : t]))) for t in range(1, len(new))]
    found = KneserNey(n, vocabulary_size=V).fit(row).log_prob(new)
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("context", [[0], [3, 1], text(300, 1)[-6:], [V - 1, 2], [V - 1, V - 2]])
def test_the_probabilities_of_the_next_token_sum_to_one(n, context):
    model = KneserNey(n, vocabulary_size=V).fit(text(300, 1))
    p = [math.exp(model.log_prob([*context, w])[-1]) for w in range(V)]
    assert sum(p) == pytest.approx(1)


def test_a_bigram_worked_by_hand():
    # D of the pairs is 4 / 6, of the tokens 3 / 5; so p(1) = 0.4 / 5 + 0.6 * 4 / 5 / 4 = 0.2
    # and p(1 | 0) = (2 - 2/3) / 2 + 2/3 / 2 * 0.2.
    model = KneserNey(2, vocabulary_size=4).fit([0, 1, 2, 0, 1, 3, 0])
    assert math.exp(model.log_prob([0, 1])[0]) == pytest.approx(2 / 3 + 1 / 15)


def test_after_tokens_never_seen_together_the_shorter_context_speaks():
    row = text(300, 1)
    short = KneserNey(3, vocabulary_size=V).fit(row)
    alone, after_unseen = short.log_prob([2, 5])[-1], short.log_prob([V - 1, 2, 5])[-1]
    assert after_unseen == alone


def test_a_token_that_follows_many_others_is_likelier_after_an_unseen_one():
    # 1 occurs as often as 2, but only after 3; 2 follows four different tokens.
    row = [3, 1, 3, 1, 3, 1, 3, 1, 4, 2, 5, 2, 6, 2, 7, 2, 3]
    model = KneserNey(2, vocabulary_size=9).fit(row)
    assert model.log_prob([8, 2])[-1] > model.log_prob([8, 1])[-1]


def test_no_token_is_impossible_even_where_no_gram_is_single():
    model = KneserNey(2, vocabulary_size=V).fit([0, 1, 0, 1, 0, 1, 0, 1, 0, 1])
    assert np.isfinite(model.log_prob(list(range(V)))).all()


def test_kneser_ney_reads_a_tensor_as_a_list():
    model = KneserNey(3, vocabulary_size=V)
    expected = model.fit(ROW.tolist()).log_prob(ROW[:20].tolist())
    np.testing.assert_array_equal(model.fit(ROW).log_prob(ROW[:20]), expected)


def test_fitting_again_forgets_the_first_text():
    model = KneserNey(3, vocabulary_size=V).fit(ROW)
    expected = KneserNey(3, vocabulary_size=V).fit(text(99, 3)).log_prob(ROW)
    np.testing.assert_array_equal(model.fit(text(99, 3)).log_prob(ROW), expected)


@pytest.mark.parametrize(("n", "size"), [(0, 5), (2, 0)])
def test_kneser_ney_says_which_numbers_are_too_small(n, size):
    with pytest.raises(ValueError, match="1 or more, got 0"):
        KneserNey(n, vocabulary_size=size)


@pytest.mark.parametrize(
    ("ids", "told"),
    [
        ([0, 1], "3 or more, got shape"),
        ([[0, 1, 2]], "shape"),
        ([0.5, 1.0, 2.0], "dtype float64"),
        ([0, 1, V], f"from 0 to {V - 1}, got 0 to {V}"),
        ([0, 1, -1], "got -1 to 1"),
    ],
)
def test_kneser_ney_says_which_ids_it_cannot_count(ids, told):
    with pytest.raises(ValueError, match=told):
        KneserNey(3, vocabulary_size=V).fit(ids)


def test_kneser_ney_cannot_judge_before_it_has_counted():
    with pytest.raises(ValueError, match="fit first"):
        KneserNey(3, vocabulary_size=V).log_prob([0, 1])


# Agreement


@pytest.mark.parametrize("distance", [0, 4, 8, 20])
def test_every_place_has_a_subject_at_that_distance_and_a_verb_that_agrees(distance):
    reader = grammar.oracle(distance=distance)
    texts = [review.tokens for review in grammar.reviews(150, seed=3, distance=distance)]
    places = agreements(texts, distance=distance)
    assert len(places) > 15
    for place in places:
        p = reader.next_token(place.words)
        of = {word: p[reader.vocabulary.index(word)] for word in (place.right, place.wrong)}
        assert of[place.right] > 0 == of[place.wrong]


def test_a_plural_subject_has_a_plural_verb():
    (place,) = agreements([["the", "tunes", "are", "dull", "."]], distance=0)
    assert place == (["the", "tunes"], "are", "is", True)


def test_a_singular_subject_has_a_singular_verb():
    (place,) = agreements(
        [["and", "the", "tune", "in", "the", "loud", "bars", "has", "wit", "."]], distance=4
    )
    assert (place.right, place.wrong, place.plural) == ("has", "have", False)


@pytest.mark.parametrize("distance", [4, 8, 20, 40])
def test_a_thousand_reviews_have_places_enough_and_both_numbers_among_them(distance):
    texts = (review.tokens for review in grammar.reviews(1000, seed=3, distance=distance))
    places = agreements(texts, distance=distance)[:150]
    assert len(places) == 150
    assert 0.4 < np.mean([place.plural for place in places]) < 0.65


@pytest.mark.parametrize(
    "words",
    [
        "not one of the tunes is dull",
        "i like tunes . are they",
        "tunes , are they",
        "are they tunes",
    ],
    ids=["not the subject", "another sentence", "another clause", "after the verb"],
)
def test_a_noun_near_a_verb_need_not_be_its_subject(words):
    assert not agreements([words.split()], distance=words.count(".") + words.count(","))


def test_a_model_that_always_says_the_right_form_prefers_it():
    vocabulary = Vocabulary(["the", "tunes", "are", "is", "<eos>"], specials=())
    places = agreements([["the", "tunes", "are"]], distance=0)
    with seeded(0):
        model = LanguageModel(torch.ones(len(vocabulary)), 3, 3)
    with torch.no_grad():
        model.bias[vocabulary["are"]] += 30
    assert_close(prefers(model, vocabulary, places), np.ones(1), rtol=0, atol=1e-6)


def test_preference_is_the_share_of_the_right_form():
    vocabulary = Vocabulary(["the", "tunes", "are", "is", "<eos>"], specials=())
    (place,) = places = agreements([["the", "tunes", "are"]], distance=0)
    with seeded(0):
        model = LanguageModel(torch.ones(len(vocabulary)), 3, 3)
    ids = one_row([place.words], vocabulary)[:-1]
    p = model(ids.unsqueeze(0))[0][0, -1].softmax(0)
    right, wrong = p[vocabulary["are"]].item(), p[vocabulary["is"]].item()
    assert prefers(model, vocabulary, places) == pytest.approx(right / (right + wrong))


# Who is he or she, and what the sentences before are worth


OPENING = "mira novak made crimson in 1951 , and ana baum is the pianist ."


def test_a_person_is_found_after_the_first_sentence_where_only_one_pronoun_fits():
    text = f"{OPENING} baum was dull at first , but in the end she was superb . "
    text += "the plot is dull . my boss , a nurse , laughed when she saw the pianist ."
    (place,) = pronouns([text.split()], grammar.oracle())
    assert (place.words[-3:], place.right, place.wrong) == (["in", "the", "end"], "she", "he")


def test_where_he_or_she_is_asked_the_language_can_write_the_one_and_not_the_other():
    reader = grammar.oracle()
    places = pronouns((review.tokens for review in grammar.reviews(60, seed=3)), reader)
    assert {place.right for place in places} == {"he", "she"}
    for place in places:
        p = reader.next_token(place.words)
        of = {word: p[reader.vocabulary.index(word)] for word in (place.right, place.wrong)}
        assert of[place.right] > 0 == of[place.wrong]


SENTENCES = ["the", "film", ".", "the", "end", "!", "film", "."]
SIGNS = Vocabulary(SENTENCES, specials=["<eos>"])


def reader_of_signs(cell="LSTM"):
    """A model whose memory shows: its weights are ten times as large as new ones."""
    model = made(cell, counts=torch.ones(len(SIGNS)))
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(10)
    return model


def ids_of(words):
    return torch.tensor([SIGNS[word] for word in words])


def test_every_word_after_the_first_sentence_is_read_with_and_without_it():
    found = with_and_without(reader_of_signs(), SIGNS, [SENTENCES, ["film", "."]])
    assert [word for word, _, _ in found] == SENTENCES[3:]


def test_with_the_sentences_before_is_given_the_whole_text():
    model = reader_of_signs()
    found = [past for _, past, _ in with_and_without(model, SIGNS, [SENTENCES])]
    assert found == pytest.approx(model.log_prob(ids_of(SENTENCES))[2:].tolist())


def test_without_them_is_given_the_sign_and_the_words_after_it():
    model = reader_of_signs()
    found = [alone for _, _, alone in with_and_without(model, SIGNS, [SENTENCES])]
    second, third = (model.log_prob(ids_of(SENTENCES[a:b])) for a, b in ((2, 6), (5, 8)))
    assert found == pytest.approx([*second.tolist(), *third.tolist()])


def test_another_first_sentence_changes_only_what_is_read_with_it():
    model = reader_of_signs()
    first, other = (
        with_and_without(model, SIGNS, [[*start, *SENTENCES[2:]]])
        for start in (["the", "film"], ["end", "film"])
    )
    assert [alone for _, _, alone in first] == [alone for _, _, alone in other]
    assert [past for _, past, _ in first] != [past for _, past, _ in other]


# The judge


@pytest.fixture(scope="module")
def reader():
    return grammar.oracle()


TEXTS = [review.tokens for review in grammar.reviews(5, seed=8)]


@pytest.mark.parametrize("words", TEXTS, ids=range(5))
def test_a_text_of_the_language_is_judged_to_its_end(reader, words):
    found = judge(reader, words)
    assert len(found) == len(words) + 1
    assert found.sum() == pytest.approx(reader.log_prob(words))


@pytest.mark.parametrize("at", [0, 1, 7, len(TEXTS[0])])
def test_judgement_stops_at_the_first_word_that_cannot_stand_there(reader, at):
    words = [*TEXTS[0][:at], "yak", *TEXTS[0][at:]]
    np.testing.assert_allclose(judge(reader, words), judge(reader, TEXTS[0])[:at])


def test_a_text_that_breaks_off_is_judged_without_its_end(reader):
    words = TEXTS[1][:-1]
    assert len(judge(reader, words)) == len(words)
