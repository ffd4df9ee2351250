"""Answers to the exercises on overfitting: right ones, and some one small slip away."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from companion import overfitting
from companion.data import grammar
from companion.overfitting import Batches, encode, learn
from companion.runtime import seeded
from companion.text import Vocabulary
from tests.checks._both_ways import Answers

answers = Answers("overfitting")
right, wrong, equal = answers.right, answers.wrong, answers.equal


# 1


@right("drop_steps")
def by_where(x, u, *, p, training):
    if not training:
        return x.copy()
    return np.where((u < p)[:, None], 0, x / (1 - p)).astype(np.float32)


@right("drop_steps")
def step_by_step(x, u, *, p, training):
    rate = p if training else 0
    mask = torch.tensor(u >= rate) / (1 - rate)
    return torch.stack([torch.tensor(x[:, t]) * mask for t in range(x.shape[1])], dim=1)


def dropped(x, stays, scale):
    return x * stays[:, None, :] * scale


@wrong("drop_steps", "divide what stays by 1 - p")
def not_scaled(x, u, *, p, training):
    return dropped(x, u >= p, 1) if training else x


@wrong("drop_steps", "You divide by p")
def scaled_by_p(x, u, *, p, training):
    return dropped(x, u >= p, 1 / p) if training else x


@wrong("drop_steps", "as older forms do")
def scaled_down(x, u, *, p, training):
    return dropped(x, u >= p, 1 - p) if training else x


@wrong("drop_steps", "The wrong units go")
def the_others(x, u, *, p, training):
    return dropped(x, u < p, 1 / (1 - p)) if training else x


@wrong("drop_steps", "equals p is not below it")
def edge_dropped(x, u, *, p, training):
    return dropped(x, u > p, 1 / (1 - p)) if training else x


@wrong("drop_steps", "while the network is used")
def always(x, u, *, p, training):
    return dropped(x, u >= p, 1 / (1 - p))


@wrong("drop_steps", "Nothing is dropped in training")
def turned_round(x, u, *, p, training):
    return x if training else dropped(x, u >= p, 1 / (1 - p))


@wrong("drop_steps", "changed its argument")
def in_place(x, u, *, p, training):
    if training:
        x *= (u >= p)[:, None, :] / (1 - p)
    return x


# 2


@right("leave_out")
def word_by_word(tokens, u, *, p, keep):
    stay = []
    for i, word in enumerate(tokens):
        if word in keep or not u[i] < p:
            stay.append(word)
    if tokens and not stay:
        return [tokens[int(np.argmax(u))]]
    return stay


@right("leave_out")
def as_a_tuple(tokens, u, *, p, keep):
    return tuple(word_by_word(tokens, u, p=p, keep=keep))


@wrong("leave_out", "no other has to stay")
def protected_words_lost(tokens, u, *, p, keep):
    if tokens and max(u) < p:
        return [tokens[int(np.argmax(u))]]
    return word_by_word(tokens, u, p=p, keep=keep)


@wrong("leave_out", "that `keep` protects")
def keep_forgotten(tokens, u, *, p, keep):
    return word_by_word(tokens, u, p=p, keep=set())


@wrong("leave_out", "keep what should go")
def the_wrong_ones(tokens, u, *, p, keep):
    return [w for w, n in zip(tokens, u, strict=True) if n < p or w in keep]


@wrong("leave_out", "A number that equals p")
def edge_goes(tokens, u, *, p, keep):
    return [w for w, n in zip(tokens, u, strict=True) if n > p or w in keep]


@wrong("leave_out", "takes all words like it along")
def by_word(tokens, u, *, p, keep):
    gone = {w for w, n in zip(tokens, u, strict=True) if n < p and w not in keep}
    return [w for w in tokens if w not in gone]


@wrong("leave_out", "not a part of another")
def parts_of_words_kept(tokens, u, *, p, keep):
    pairs = zip(tokens, u, strict=True)
    return [w for w, n in pairs if n >= p or any(word in w for word in keep)]


@wrong("leave_out", "Asked is a new one")
def nothing_to_do(tokens, u, *, p, keep):
    return tokens if min(u, default=0) >= p else word_by_word(tokens, u, p=p, keep=keep)


@wrong("leave_out", "A part of a word of `keep`")
def words_in_the_kept_ones(tokens, u, *, p, keep):
    kept = {word for word in tokens if word in " ".join(keep)}
    return word_by_word(tokens, u, p=p, keep=kept)


@wrong("leave_out", "removes the first that is like it")
def removed_by_its_letters(tokens, u, *, p, keep):
    stay = list(tokens)
    for word, number in zip(tokens, u, strict=True):
        if number < p and word not in keep:
            stay.remove(word)
    return stay or word_by_word(tokens, u, p=p, keep=keep)


@wrong("leave_out", "You return a bool")
def nothing_of_nothing(tokens, u, *, p, keep):
    return bool(tokens) and word_by_word(tokens, u, p=p, keep=keep)


@wrong("leave_out", "Yours is the smallest")
def smallest_stays(tokens, u, *, p, keep):
    return may_be_empty(tokens, u, p=p, keep=keep) or [tokens[i] for i in np.argsort(u)[:1]]


@wrong("leave_out", "Yours is the longest")
def longest_stays(tokens, u, *, p, keep):
    return may_be_empty(tokens, u, p=p, keep=keep) or sorted(tokens, key=len)[-1:]


@wrong("leave_out", "For 'the plot is not dull but not good' you return")
def each_word_once(tokens, u, *, p, keep):
    return list(dict.fromkeys(word_by_word(tokens, u, p=p, keep=keep)))


@wrong("leave_out", "All words went")
def may_be_empty(tokens, u, *, p, keep):
    return [w for w, n in zip(tokens, u, strict=True) if n >= p or w in keep]


@wrong("leave_out", "Yours is the first")
def first_stays(tokens, u, *, p, keep):
    return may_be_empty(tokens, u, p=p, keep=keep) or tokens[:1]


@wrong("leave_out", "Yours is the last")
def last_stays(tokens, u, *, p, keep):
    return may_be_empty(tokens, u, p=p, keep=keep) or tokens[-1:]


@wrong("leave_out", "all of them do")
def all_stay(tokens, u, *, p, keep):
    return may_be_empty(tokens, u, p=p, keep=keep) or list(tokens)


@wrong("leave_out", "stopped with ValueError")
def empty_text_fails(tokens, u, *, p, keep):
    stay = may_be_empty(tokens, u, p=p, keep=keep)
    return stay or [tokens[int(np.argmax(u))]]


@wrong("leave_out", "You return one text")
def joined(tokens, u, *, p, keep):
    return " ".join(word_by_word(tokens, u, p=p, keep=keep))


@wrong("leave_out", "You return what goes")
def what_goes(tokens, u, *, p, keep):
    return [w for w, n in zip(tokens, u, strict=True) if n < p and w not in keep]


# 3


@right("folds")
def by_sets(texts, k):
    pairs = []
    for i in range(k):
        held = [j for j in range(len(texts)) if j % k == i]
        words = set().union(*(texts[j] for j in set(range(len(texts))) - set(held)))
        pairs.append((words, held))
    return pairs


@right("folds")
def as_arrays(texts, k):
    return [(frozenset(words), np.array(held)) for words, held in by_sets(texts, k)]


@wrong("folds", "You take words apart")
def letters_for_words(texts, k):
    pairs = []
    for i in range(k):
        rest = [text for j, text in enumerate(texts) if j % k != i]
        letters = {letter for text in rest for word in text for letter in word}
        pairs.append((letters, list(range(i, len(texts), k))))
    return pairs


@wrong("folds", "texts left to train on")
def twins_held_back(texts, k):
    held = [texts[i::k] for i in range(k)]
    words = [{w for t in texts if t not in part for w in t} for part in held]
    return [(words[i], list(range(i, len(texts), k))) for i in range(k)]


@wrong("folds", "it leaks")
def words_of_all(texts, k):
    everything = {word for text in texts for word in text}
    return [(everything, held) for _, held in by_sets(texts, k)]


@wrong("folds", "that of the texts held back")
def words_of_the_held(texts, k):
    return [({w for j in held for w in texts[j]}, held) for _, held in by_sets(texts, k)]


@wrong("folds", "A word may be in both parts")
def only_unseen(texts, k):
    return [
        (words - {w for j in held for w in texts[j]}, held) for words, held in by_sets(texts, k)
    ]


@wrong("folds", "blocks of neighbours")
def blocks(texts, k):
    size = -(-len(texts) // k)
    rows = [list(range(i * size, min(len(texts), (i + 1) * size))) for i in range(k)]
    return [({w for j, t in enumerate(texts) if j not in held for w in t}, held) for held in rows]


@wrong("folds", "turned round")
def held_first(texts, k):
    return [(held, words) for words, held in by_sets(texts, k)]


@wrong("folds", "forgets its last text")
def last_forgotten(texts, k):
    return [(words, held[:-1]) for words, held in by_sets(texts, k)]


@wrong("folds", "a set, not a list")
def words_as_a_list(texts, k):
    return [(sorted(words), held) for words, held in by_sets(texts, k)]


@wrong("folds", "a list, not a set")
def held_as_a_set(texts, k):
    return [(words, set(held)) for words, held in by_sets(texts, k)]


@wrong("folds", "a list, not a range")
def held_as_a_range(texts, k):
    return [(words, range(i, len(texts), k)) for i, (words, _) in enumerate(by_sets(texts, k))]


@wrong("folds", "there are 3 folds")
def one_fold(texts, k):
    return by_sets(texts, k)[:1]


# 4


def slopes(w, b, X, y):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    return X.T @ (p - y) / len(y), np.mean(p - y)


@right("l1_step")
def by_torch(w, b, X, y, *, lr, l1):
    X, y = torch.tensor(X), torch.tensor(y)
    w, b = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (w, b))
    torch.nn.functional.binary_cross_entropy_with_logits(X @ w + b, y).backward()
    with torch.no_grad():
        return torch.nn.functional.softshrink(w - lr * w.grad, lr * l1), b - lr * b.grad


@right("l1_step")
def weight_by_weight(w, b, X, y, *, lr, l1):
    dw, db = slopes(w, b, X, y)
    new = []
    for value, slope in zip(w, dw, strict=True):
        value = value - lr * slope
        new.append(max(value - lr * l1, 0) if value > 0 else min(value + lr * l1, 0))
    return np.array(new), b - lr * db


def stepped(w, b, X, y, lr):
    dw, db = slopes(w, b, X, y)
    return w - lr * dw, b - lr * db


def soft(w, amount):
    return np.sign(w) * np.maximum(np.abs(w) - amount, 0)


@wrong("l1_step", "jump across zero")
def across(w, b, X, y, *, lr, l1):
    w, b = stepped(w, b, X, y, lr)
    return w - lr * l1 * np.sign(w), b


@wrong("l1_step", "Yours is l1")
def without_rate(w, b, X, y, *, lr, l1):
    w, b = stepped(w, b, X, y, lr)
    return soft(w, l1), b


@wrong("l1_step", "lose their sign")
def signless(w, b, X, y, *, lr, l1):
    w, b = stepped(w, b, X, y, lr)
    return np.maximum(np.abs(w) - lr * l1, 0), b


@wrong("l1_step", "before the step down")
def sign_of_the_old(w, b, X, y, *, lr, l1):
    new, b = stepped(w, b, X, y, lr)
    return np.sign(w) * np.maximum(np.abs(new) - lr * l1, 0), b


@wrong("l1_step", "taken twice")
def paid_twice(w, b, X, y, *, lr, l1):
    new, b = stepped(w, b, X, y, lr)
    return soft(new - lr * l1 * np.sign(w), lr * l1), b


@wrong("l1_step", "What stays is not moved")
def hard(w, b, X, y, *, lr, l1):
    w, b = stepped(w, b, X, y, lr)
    return np.where(np.abs(w) > lr * l1, w, 0), b


@wrong("l1_step", "No price was taken")
def free(w, b, X, y, *, lr, l1):
    return stepped(w, b, X, y, lr)


@wrong("l1_step", "The price comes first")
def price_first(w, b, X, y, *, lr, l1):
    dw, db = slopes(w, b, X, y)
    return soft(w, lr * l1) - lr * dw, b - lr * db


@wrong("l1_step", "Take the mean")
def summed(w, b, X, y, *, lr, l1):
    dw, db = slopes(w, b, X, y)
    return soft(w - lr * dw * len(y), lr * l1), b - lr * db


@wrong("l1_step", "This is decay")
def decayed(w, b, X, y, *, lr, l1):
    w, b = stepped(w, b, X, y, lr)
    return w * (1 - lr * l1), b


@wrong("l1_step", "The price is taken of `b`")
def bias_pays(w, b, X, y, *, lr, l1):
    w, b = stepped(w, b, X, y, lr)
    return soft(w, lr * l1), soft(b, lr * l1)


@wrong("l1_step", "Your `b` does not move")
def bias_stays(w, b, X, y, *, lr, l1):
    return soft(stepped(w, b, X, y, lr)[0], lr * l1), b


equal(
    "l1_step",
    "np.maximum(np.abs(w) - lr * l1, 0) -> np.maximum(0, np.abs(w) - lr * l1)",
    "the larger of two numbers, whichever comes first",
)


# 5


def loop(model, epochs, patience, *, better=lambda new, old: new > old, wait=0, load=True,
         copy=list):  # fmt: skip
    best, at, kept = None, 0, copy(model.state)
    for epoch in range(1, epochs + 1):
        model.epoch()
        score = model.score()
        if best is None or better(score, best):
            best, at, kept = score, epoch, copy(model.state)
        elif epoch - at >= patience + wait:
            break
    if load:
        model.load(kept)
    return best, at, epoch


@right("train_and_restore")
def with_a_counter(model, *, epochs, patience):
    best, bad, found, kept = -1.0, 0, 0, None
    done = 0
    while done < epochs and not (bad and bad >= patience):
        model.epoch()
        done += 1
        score = model.score()
        bad += 1
        if score > best:
            best, bad, found, kept = score, 0, done, tuple(model.state)
    model.load(kept)
    return found


@right("train_and_restore")
def all_states(model, *, epochs, patience):
    states, scores = [], []
    for _ in range(epochs):
        model.epoch()
        states.append(model.state.copy())
        scores.append(model.score())
        best = int(np.argmax(scores))
        if len(scores) - 1 - best >= patience:
            break
    model.load(states[best])
    return np.int64(best + 1)


@wrong("train_and_restore", "Keep a copy")
def alias(model, *, epochs, patience):
    return loop(model, epochs, patience, copy=lambda state: state)[1]


@wrong("train_and_restore", "was never loaded")
def no_restore(model, *, epochs, patience):
    return loop(model, epochs, patience, load=False)[1]


@wrong("train_and_restore", "one epoch too late")
def too_late(model, *, epochs, patience):
    return loop(model, epochs, patience, wait=1)[1]


@wrong("train_and_restore", "one epoch too early")
def too_early(model, *, epochs, patience):
    return loop(model, epochs, patience, wait=-1)[1]


@wrong("train_and_restore", "as for a loss")
def low_is_good(model, *, epochs, patience):
    return loop(model, epochs, patience, better=lambda new, old: new < old)[1]


@wrong("train_and_restore", "`range(1, n)` ends before n")
def one_epoch_less(model, *, epochs, patience):
    return loop(model, epochs - 1, patience)[1]


@wrong("train_and_restore", "Wait for `patience` of them")
def impatient(model, *, epochs, patience):
    return loop(model, epochs, 1)[1]


def counted(model, epochs, patience, *, good=None, worse=None, keeps=None, best=-1.0):
    at, bad, before, kept = 0, 0, -1.0, list(model.state)
    for epoch in range(1, epochs + 1):
        model.epoch()
        score = model.score()
        bad = bad + (worse is None or worse(score, best))
        if score > (best if good is None else before):
            bad = 0
        if score > best or (keeps and keeps(score, best)):
            best, at, kept = max(score, best), epoch, list(model.state)
        before = score
        if bad >= patience:
            break
    model.load(kept)
    return at


@wrong("train_and_restore", "You compare with the score before")
def by_the_score_before(model, *, epochs, patience):
    return counted(model, epochs, patience, good="before")


@wrong("train_and_restore", "it counts as an epoch without one")
def equal_is_neither(model, *, epochs, patience):
    return counted(model, epochs, patience, worse=lambda new, best: new < best)


@wrong("train_and_restore", "you load epoch 5: an equal score is no new best")
def equal_is_kept(model, *, epochs, patience):
    return counted(model, epochs, patience, keeps=lambda new, best: new >= best)


@wrong("train_and_restore", "begin below all scores")
def begun_at_zero(model, *, epochs, patience):
    return counted(model, epochs, patience, best=0.0)


@wrong("train_and_restore", "An equal score counts")
def equal_is_better(model, *, epochs, patience):
    return loop(model, epochs, patience, better=lambda new, old: new >= old)[1]


@wrong("train_and_restore", "never stop before the end")
def to_the_end(model, *, epochs, patience):
    return loop(model, epochs, epochs)[1]


@wrong("train_and_restore", "You return the last epoch")
def last_epoch(model, *, epochs, patience):
    return loop(model, epochs, patience)[2]


@wrong("train_and_restore", "You return the best score")
def best_score(model, *, epochs, patience):
    return loop(model, epochs, patience)[0]


@wrong("train_and_restore", "counted from 1")
def from_zero(model, *, epochs, patience):
    return loop(model, epochs, patience)[1] - 1


equal(
    "train_and_restore",
    "0 -> 1",
    "the first score is a new best in any case, and sets the number of its epoch",
)
equal("train_and_restore", "0 -> -1", "the same")


# 6


def search(score, strengths, n, k, *, over=np.mean, pick=np.argmax):
    parts = [list(range(i, n, k)) for i in range(k)]
    means = [
        over([score(s, [r for r in range(n) if r not in held], held) for held in parts])
        for s in strengths
    ]
    best = int(pick(means))
    return strengths[best], means[best]


def spread(u, low, high):
    return np.exp(np.log(low) + np.array(u) * np.log(high / low))


@right("choose_strength")
def with_logarithms(score, u, *, low, high, n, k):
    return search(score, spread(u, low, high), n, k)


@right("choose_strength")
def with_powers_of_ten(score, u, *, low, high, n, k):
    powers = np.log10(low) + np.array(u) * (np.log10(high) - np.log10(low))
    return list(search(score, (10**powers).tolist(), n, k))


@right("choose_strength")
def each_asked_again(score, u, *, low, high, n, k):
    parts = [(sorted({*range(n)} - {*range(i, n, k)}), list(range(i, n, k))) for i in range(k)]

    def mean(strength):
        return np.mean([score(strength, train, held) for train, held in parts])

    best = max(spread(u, low, high), key=mean)
    return best, mean(best)


@wrong("choose_strength", "lie evenly from low to high")
def uniform(score, u, *, low, high, n, k):
    return search(score, low + (high - low) * np.array(u), n, k)


@wrong("choose_strength", "You choose the worst")
def worst(score, u, *, low, high, n, k):
    return search(score, spread(u, low, high), n, k, pick=np.argmin)


@wrong("choose_strength", "by the last or the worst fold alone")
def last_fold(score, u, *, low, high, n, k):
    return search(score, spread(u, low, high), n, k, over=lambda scores: scores[-1])


@wrong("choose_strength", "the best fold alone")
def best_fold(score, u, *, low, high, n, k):
    return search(score, spread(u, low, high), n, k, over=np.max)


@wrong("choose_strength", "by the median")
def by_the_median(score, u, *, low, high, n, k):
    return search(score, spread(u, low, high), n, k, over=np.median)


@wrong("choose_strength", "the largest strength")
def largest_strength(score, u, *, low, high, n, k):
    strengths = spread(u, low, high)
    return max(search(score, [strength], n, k) for strength in strengths)


@wrong("choose_strength", "the sum over the folds")
def summed_over_folds(score, u, *, low, high, n, k):
    return search(score, spread(u, low, high), n, k, over=np.sum)


@wrong("choose_strength", "the strength comes first")
def mean_first(score, u, *, low, high, n, k):
    return search(score, spread(u, low, high), n, k)[::-1]


@wrong("choose_strength", "a leak")
def trained_on_all(score, u, *, low, high, n, k):
    return search(lambda s, train, held: score(s, train + held, held), spread(u, low, high), n, k)


@wrong("choose_strength", "swapped")
def parts_swapped(score, u, *, low, high, n, k):
    return search(lambda s, train, held: score(s, held, train), spread(u, low, high), n, k)


@wrong("choose_strength", "the folds hold back")
def one_fold_only(score, u, *, low, high, n, k):
    held = list(range(0, n, k))
    rest = [r for r in range(n) if r not in held]
    means = [score(s, rest, held) for s in spread(u, low, high)]
    return spread(u, low, high)[int(np.argmax(means))], max(means)


@wrong("choose_strength", "You return where the strength lies")
def place_returned(score, u, *, low, high, n, k):
    strengths = spread(u, low, high)
    strength, mean = search(score, strengths, n, k)
    return u[int(np.argmin(np.abs(strengths - strength)))], mean


# 7


def trained(texts, labels, *, epochs=15, evaluate=True, **reader):
    words = Vocabulary(word for text in texts for word in text)
    with seeded(1) as rng:
        model = overfitting.Reader(len(words), **reader)
        learn(model, Batches(texts, labels, words, generator=rng), epochs=epochs)
    model.train(not evaluate)
    return lambda new: (model(encode(new, words)) > 0).int()


@right("my_reader")
def counts_weighed(texts, labels):
    count = TfidfVectorizer(analyzer=lambda tokens: tokens, sublinear_tf=True)
    model = LogisticRegression(C=1.0).fit(count.fit_transform(texts), labels)
    return lambda new: model.predict(count.transform(new))


@right("my_reader")
def with_much_dropout(texts, labels):
    return trained(texts, labels, dropout=0.5)


@wrong("my_reader", "the plain reader comes near")
def plain(texts, labels):
    return trained(texts, labels)


@wrong("my_reader", "hardly more than tossing a coin")
def untrained(texts, labels):
    return trained(texts, labels, epochs=1, width=2)


@wrong("my_reader", "turn your verdicts round")
def contrary(texts, labels):
    judge = counts_weighed(texts, labels)
    return lambda new: 1 - judge(new)


@wrong("my_reader", "Is the model in evaluation mode?")
def in_training_mode(texts, labels):
    return trained(texts, labels, dropout=0.5, evaluate=False)


@wrong("my_reader", "by those that stand beside it")
def half_are_praise(texts, labels):
    count = TfidfVectorizer(analyzer=lambda tokens: tokens, sublinear_tf=True)
    model = LogisticRegression(C=1.0).fit(count.fit_transform(texts), labels)

    def judge(new):
        logits = model.decision_function(count.transform(new))
        return logits >= np.median(logits)

    return judge


@wrong("my_reader", "otherwise alone than among others")
def otherwise_alone(texts, labels):
    judge = counts_weighed(texts, labels)
    return lambda new: 1 - judge(new) if len(new) == 1 else judge(new)


@wrong("my_reader", "gives a bare number")
def bare_alone(texts, labels):
    judge = counts_weighed(texts, labels)
    return lambda new: judge(new).squeeze()


@wrong(
    "my_reader", "Your `my_reader` stopped with PermissionError: the reviews that you were given"
)
def exam_drawn(texts, labels):
    known = {tuple(r.tokens): r.truth for r in grammar.reviews(1500, seed=162)}
    return lambda new: [known[tuple(text)] for text in new]


@wrong("my_reader", "The function that you return stopped with PermissionError")
def oracle_asked(texts, labels):
    return lambda new: [grammar.oracle().probability(text) > 0.5 for text in new]


@wrong("my_reader", "A verdict is 0 or 1")
def probabilities(texts, labels):
    judge = counts_weighed(texts, labels)
    return lambda new: 0.2 + 0.6 * judge(new)


@wrong("my_reader", "gave 1 verdicts")
def one_for_all(texts, labels):
    return lambda new: [1]


@wrong("my_reader", "Return the function that judges")
def no_function(texts, labels):
    return [0, 1]


equal("my_reader", "7 -> 8", "another seed is as good")
equal("my_reader", "7 -> 6", "another seed is as good")
equal("my_reader", "0 -> -1", "only the exam judges, and passes a threshold that leans a little")
equal(
    "my_reader",
    "model(encode(new, words)) > 0 -> model(encode(new, words)) >= 0",
    "no logit is exactly zero",
)


TestOverfitting = answers.tests()
