"""Checks on overfitting: noise, words, folds, a proximal step, an early stop, a reader."""

from __future__ import annotations

from functools import partial

import numpy as np

from companion.checks._compare import FAULTS, Refused, close, compare, numbers, refuse, refuse_if
from companion.checks._overfitting import (
    MARK,
    Array,
    Call,
    Scripted,
    best_and_last,
    closed,
    deletions,
    hill,
    judged,
    noted,
    refuse_calls,
    refuse_end,
    refuse_held,
    refuse_moods,
    refuse_word_lists,
    refuse_words,
    sigmoid_step,
    single_folds,
    threshold,
    thresholds,
)
from companion.checks.pact import Answer, exercise


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "A mask of shape (B, D) says which units stay. How does it meet an array (B, T, D)?",
        "`mask[:, None, :]` has shape (B, 1, D), and numpy repeats it over the steps.",
        "Of all numbers a share of 1 - p stays. By what must they be divided to keep the mean?",
    ],
)
def drop_steps(answer: Answer) -> None:
    """The same noise at every step."""
    rng = np.random.default_rng(3)
    for (B, T, D), p in (((3, 4, 5), 0.3), ((2, 2, 2), 0.75), ((1, 1, 6), 0.5)):
        x, u = rng.normal(size=(B, T, D)), rng.uniform(size=(B, D))
        u[0, 0] = p  # at the edge: not below
        u[-1, -1] = p / 2
        stays = (u >= p)[:, None, :]
        want = x * stays / (1 - p)
        slips: dict[str, Array] = {
            "The mean shrinks: divide what stays by 1 - p.": x * stays,
            "You divide by p. It is a share of 1 - p that stays.": x * stays / p,
            "You multiply by 1 - p, as older forms do when the network is used. Divide.": x
            * stays
            * (1 - p),
            "The wrong units go: those whose number is p or more.": x * ~stays / (1 - p),
            "A number that equals p is not below it: its unit stays.": x
            * (u > p)[:, None, :]
            / (1 - p),
            "Nothing is dropped in training in yours.": x,
        }
        got = numbers(answer(x, u, p=p, training=True))
        compare(got, want, slips=slips, what=f"the result with p={p} for {B} sequences")
        used = numbers(answer(x, u, p=p, training=False))
        refuse_if(
            used.shape == want.shape and close(used, want),
            "You drop while the network is used, too. With training=False nothing happens.",
        )
        compare(used, x, what="the result with training=False")
    x, u = rng.normal(size=(2, 3, 4)), rng.uniform(size=(2, 4))
    compare(answer(x, u, p=0.0, training=True), x, what="the result with p=0")


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "`zip(tokens, u)` gives each word with its number.",
        "A word stays if its number is p or more, or if it is in `keep`.",
        "If the list came out empty and the text was not: `max(..., key=...)` finds the word "
        "with the largest number.",
    ],
)
def leave_out(answer: Answer) -> None:
    """Leave words out, but not every word."""
    cases = [
        (
            ["the", "plot", "is", "not", "dull", "but", "not", "good"],
            [0.1, 0.9, 0.3, 0.2, 0.8, 0.1, 0.5, 0.29],
        ),
        (["a", "dull", "dull", "film", "nothing", "ever"], [0.3, 0.2, 0.7, 0.1, 0.0, 0.2]),
        (["dull", "but", "never", "dull"], [0.9, 0.1, 0.2, 0.1]),
        (["not", "a", "film"], [0.2, 0.1, 0.25]),
    ]
    keep = {"not", "never"}
    for tokens, u in cases:
        want, slips = deletions(tokens, u, keep)
        got = answer(list(tokens), list(u), p=0.3, keep=set(keep))
        refuse_word_lists(got, want, slips, f"For {' '.join(tokens)!r}")
    gone = ["dull", "film", "endless", "a", "tale", "slow"]
    got = answer(list(gone), [0.2, 0.4, 0.3, 0.1, 0.35, 0.3], p=0.5, keep=set())
    others = {"first": "dull", "last": "slow", "smallest": "a", "longest": "endless"}
    last = {
        f"If all would go, the one with the largest number stays. Yours is the {name}.": [word]
        for name, word in (others | {"last in the alphabet": "tale"}).items()
    } | {
        "All words went. One has to stay.": [],
        "If all would go, one stays. In yours all of them do.": gone,
    }
    refuse_word_lists(got, ["film"], last, "Where all would go")
    whole = ["a", "film"]
    refuse_if(
        answer(whole, [0.9, 0.8], p=0.5, keep=set()) is whole,
        "Where all words stay you return the list that you were given. Asked is a new one.",
    )
    got = answer([], [], p=0.5, keep={"not"})
    refuse_word_lists(got, [], {"An empty text stays empty.": [""]}, "For an empty text")
    got = answer(["film"], [0.9], p=1.0, keep=set())
    refuse_word_lists(got, ["film"], {"One word is a text: it stays.": []}, "For one word")


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "`range(i, len(texts), k)` counts i, i + k, i + 2k, and ends in time.",
        "The texts that are not held back in fold i are those whose number j has j % k != i.",
        "A set comprehension with two loops gathers words: {w for text in rest for w in text}.",
    ],
)
def folds(answer: Answer) -> None:
    """Folds that know nothing of each other."""
    texts = [
        "an odd cut",
        "odd dusk",
        "early an an",
        "fog",
        "cut gin odd",
        "hut an",
        "odd odd ink",
        "fog",
    ]
    split = [text.split() for text in texts]
    for k in (3, 2, 7):
        got = answer([list(text) for text in split], k)
        refuse_if(isinstance(got, dict | str), "Return a list of pairs, one for each fold.")
        pairs = list(got)
        refuse_if(len(pairs) != k, f"With k={k} there are {k} folds. Yours has {len(pairs)}.")
        everything = {word for text in split for word in text}
        size = -(-len(split) // k)
        for i, pair in enumerate(pairs):
            refuse_if(
                not isinstance(pair, tuple | list) or len(pair) != 2,
                "Each fold is a pair: a set of words, and a list of numbers.",
            )
            words, held = pair
            refuse_if(
                isinstance(held, set | frozenset) and not isinstance(words, set | frozenset),
                "The pair is turned round: the words come first.",
            )
            listed = isinstance(held, list | tuple) or hasattr(held, "tolist")
            kind = f"The numbers held back are a list, not a {type(held).__name__}."
            refuse_if(not listed, kind)
            want = list(range(i, len(split), k))
            refuse_held(list(numbers(list(held), what="the held-back numbers")), want, i, size)
            refuse_words(words, split, want, everything)


@exercise(
    difficulty=3,
    minutes=15,
    hints=[
        "First a plain step of logistic regression: p, then p - y, then the two slopes.",
        "Then the weights alone: towards zero by a fixed amount, but not past it. How large is "
        "the amount, at rate lr and price l1?",
        "`np.sign(w) * np.maximum(np.abs(w) - lr * l1, 0)`, of the w after the first half.",
    ],
)
def l1_step(answer: Answer) -> None:
    """One step towards few words."""
    rng = np.random.default_rng(5)
    for N, D, lr, l1 in ((7, 4, 0.4, 0.3), (3, 6, 0.1, 2.0), (1, 3, 2.0, 0.05)):
        X = rng.integers(0, 3, (N, D)).astype(float)
        y, b = rng.integers(0, 2, N).astype(float), 0.4
        w = rng.normal(size=D)
        X[0] += 1  # no row without words
        w[0] = 0.01  # arrives at zero, or would jump across
        w[-1] = 0.01 * np.sign(w[-1] - sigmoid_step(w, b, X, y, lr)[0][-1])  # crosses zero
        before_b = sigmoid_step(w, b, X, y, lr)[1]
        want, slips = thresholds(w, b, X, y, lr, l1)
        got_w, got_b = answer.parts(answer(w, b, X, y, lr=lr, l1=l1), "w", "b")
        compare(got_w, want, slips=slips, what="w")
        bias = {
            "The price is taken of `b` as well. What it thinks beforehand is free.": np.array(
                float(threshold(np.array(before_b), lr * l1))
            ),
            "Your `b` does not move.": np.array(b),
            "You climb with `b`: subtract the slope.": np.array(2 * b - before_b),
            "You sum the slope of `b` over the reviews. Take the mean.": np.array(
                b + (before_b - b) * N
            ),
        }
        compare(got_b, before_b, slips=bias, what="b")


@exercise(
    difficulty=3,
    minutes=15,
    hints=[
        "Keep three things: the best score so far, its epoch, and the weights of that epoch.",
        "`kept = model.state` keeps the list that training goes on changing. Keep a copy.",
        "Stop when the number of this epoch minus that of the best one has reached patience. And "
        "load what was kept in every case, also where the loop ran to its end.",
    ],
)
def train_and_restore(answer: Answer) -> None:
    """Stop, and go back."""
    curves = [
        ([0.5, 0.6, 0.65, 0.7, 0.66, 0.67, 0.64, 0.6, 0.59, 0.8], 3),
        ([0.5, 0.7, 0.6, 0.65, 0.7, 0.6, 0.6, 0.6, 0.6], 3),
        ([0.5, 0.6, 0.7, 0.65, 0.66, 0.71, 0.7, 0.6, 0.69, 0.68, 0.9], 3),
        ([0.6, 0.6, 0.6, 0.5, 0.4, 0.7], 2),
        ([0.5, 0.6, 0.7, 0.8, 0.9], 2),
        ([0.5, 0.7, 0.6], 5),
        ([0.7, 0.4], 1),
        ([0.0, 0.0], 1),
    ]
    for scores, patience in curves:
        model = Scripted(scores)
        best, last = best_and_last(scores, patience)
        epochs = len(scores)
        got = answer(model, epochs=epochs, patience=patience)
        case = f"With scores {scores} and patience {patience}"
        refuse_end(model, scores, patience, last, case)
        state = model.state[0]
        text = f"{case} you stay in the state of epoch {state:.0f}: the best one was never loaded."
        refuse_if(model.loads == 0 and state != best, text)
        tie = 0 < state <= epochs and state != best and scores[int(state) - 1] == scores[best - 1]
        refuse_if(tie, f"{case} you load epoch {state:.0f}: an equal score is no new best.")
        copy = "What you load is the last state: `model.state` is changed in place. Keep a copy."
        refuse_if(state == last != best, copy)
        refuse_if(state != best, f"{case} epoch {best} is the best. You load epoch {state:.0f}.")
        number = numbers(got)
        refuse_if(number.size != 1, "Return one number, that of the best epoch.")
        value = float(number.reshape(-1)[0])
        refuse_if(value == best - 1, "Epochs are counted from 1.")
        refuse_if(value == last != best, "You return the last epoch. Asked is the best.")
        refuse_if(value == scores[best - 1], "You return the best score. Asked is its epoch.")
        refuse_if(value != best, f"{case} the best epoch is {best}. You return {value:g}.")


@exercise(
    difficulty=3,
    minutes=20,
    hints=[
        "Halfway between 0.01 and 1 on a logarithmic scale is 0.1. Which power of high / low is "
        "that times low?",
        "`low * (high / low) ** where`. For each strength go through the k folds and take the "
        "mean of their scores.",
        "Keep (mean, strength) for each, and take the one whose mean is the largest.",
    ],
)
def choose_strength(answer: Answer) -> None:
    """Choose a strength by cross-validation."""
    for (n, k), (low, high), u in (
        ((10, 3), (1e-3, 10.0), [0.9, 0.1, 0.25, 0.5, 0.7, 0.8, 0.2]),
        ((4, 4), (0.5, 2.0), [0.0, 1.0]),
        ((7, 2), (1e-2, 1e2), [0.6]),
    ):
        calls: list[Call] = []
        got = answer(partial(noted, calls), list(u), low=low, high=high, n=n, k=k)
        strengths = [low * (high / low) ** where for where in u]
        refuse_calls(calls, strengths, u, low, high, n, k)
        means = [np.mean([hill(s, list(range(i, n, k))) for i in range(k)]) for s in strengths]
        best = int(np.argmax(means))
        chosen, mean = answer.parts(got, "strength", "mean accuracy")
        swapped = close(chosen, means[best]) and close(mean, strengths[best])
        refuse_if(swapped, "The pair is turned round: the strength comes first.")
        slips = single_folds(strengths, n, k) | {
            "You choose the worst. A high accuracy is good.": strengths[int(np.argmin(means))],
            "You return the last strength tried.": strengths[-1],
            "You return the largest strength. Asked is that with the best mean.": max(strengths),
            "You return where the strength lies, not the strength.": u[best],
        }
        compare(chosen, strengths[best], slips=slips, what="the strength")
        sums = {"You return the sum over the folds. Asked is the mean.": means[best] * k}
        compare(mean, means[best], slips=sums, what="the mean accuracy")


@exercise(
    difficulty=4,
    minutes=40,
    hints=[
        "Begin with the plain reader: a vocabulary, a Reader, Batches, learn. What does it score "
        "on reviews that you hold back?",
        "Then the remedy that stands highest in the figure and needs one word of code.",
        "`overfitting.Reader(len(words), dropout=0.5)`. Set the model to evaluation before it "
        "judges.",
    ],
)
def my_reader(answer: Answer) -> None:
    """Beat the plain reader."""
    from companion.data import grammar  # not needed before

    learned, exam = grammar.reviews(2000, seed=62, label_noise=0.1), grammar.reviews(1500, seed=162)
    texts, labels = [r.tokens for r in learned], [r.label for r in learned]
    with closed(grammar, "reviews", "documents", "oracle"):
        judge = answer([list(text) for text in texts], list(labels))
        try:
            said = judged(judge, [r.tokens for r in exam])
            refuse_moods(judge, [r.tokens for r in exam], said)
        except Refused:
            raise
        except FAULTS as fault:
            refuse(f"The function that you return stopped with {type(fault).__name__}: {fault}")
    right = float(np.mean(said == [r.truth for r in exam]))
    refuse_if(right < 0.45, f"{right:.0%} are right: turn your verdicts round.")
    refuse_if(
        right < 0.6, f"{right:.0%} of the exam are right. That is hardly more than tossing a coin."
    )
    low = f"{right:.1%} of the exam are right. {MARK:.0%} are asked; the plain reader comes near."
    refuse_if(right < MARK, low)
