"""Checks on matrices: loops, shapes, layers, a neuron that learns, and a reader of reviews."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from companion.checks._compare import close, compare, numbers, refuse, refuse_if
from companion.checks._matmul import (
    REFUSED,
    TEXTS,
    WORDS,
    Array,
    as_numpy_says,
    counted,
    drawn_arrays,
    lines_run,
    miscounted,
    slips_of_rosenblatt,
    taught,
    why_product,
    why_sum,
)
from companion.checks.pact import Answer, exercise

NO_B = "The bias is missing."
WHOSE = "Your biases belong to the rows. They belong to the columns, one to each neuron."


@exercise(
    difficulty=1,
    minutes=5,
    hints=[
        "How many rows has the result, how many columns? Two loops go over its places.",
        "At the place (n, h) begin with `b[h]`. A third loop, over d, adds the products.",
        "`sum(X[n][d] * W[d][h] for d in range(len(W)))` is one place without its bias.",
    ],
)
def three_loops(answer: Answer) -> None:
    """Three loops."""
    for N, D, H in ((3, 3, 3), (2, 4, 3), (4, 1, 2)):
        X, W, b = drawn_arrays((N, D), (D, H), (H,))
        got = answer(X.tolist(), W.tolist(), b.tolist())
        Z, case = X @ W, f"the result for shapes {(N, D)}, {(D, H)} and {(H,)}"
        slips = {
            NO_B: Z,
            "You add the bias once for each term. It comes once for each place.": Z + D * b,
            "Only the last term is left of each sum. Do you write = where you want +=?": (
                np.outer(X[:, -1], W[-1]) + b
            ),
            "You have the first term of each sum only.": np.outer(X[:, 0], W[0]) + b,
            "Your sum runs on from place to place. Begin anew at each.": np.cumsum(Z + b, axis=1),
            "All your rows are the same list: [[0] * H] * N is one.": np.tile(Z[-1] + b, (N, 1)),
            "All your rows are one list, to which every row adds: `[[0] * H] * N` makes one row "
            "and N names for it.": np.tile(Z.sum(axis=0) + N * b, (N, 1)),
        }
        if N == D == H:
            slips |= {
                "You walk along a row of W. Walk down a column: W[d][h].": X @ W.T + b,
                "You walk down a column of X. Walk along a row: X[n][d].": X.T @ W + b,
                "Here W comes first. The product asked for is XW.": W @ X + b,
                WHOSE: Z + b[:, None],
                "You multiply number by number. Row meets column, and a sum is taken.": X * W + b,
                "Rows and columns of your result have changed places.": (Z + b).T,
            }
        compare(got, Z + b, what=case, slips=slips)


SHAPES = [(2,), (3,), (2, 3), (3, 2), (1, 3), (3, 1), (1, 1), (4, 3), (1,), (2, 2)]


@exercise(
    difficulty=2,
    minutes=15,
    hints=[
        "The product first. Of two matrices, a[1] must equal b[0], and what is left is "
        "(a[0], b[1]). What is left if one of them is a vector?",
        "`a[-1]` and `b[0]` stand side by side inside, however many axes there are. "
        "`a[:-1] + b[1:]` is what is left: tuples are joined by +.",
        "For the sum give both as many axes: `(1,) * (len(b) - len(a)) + a` puts ones in front. "
        "Then look at pairs of sizes: equal, or one of them 1.",
    ],
)
def shape_of(answer: Answer) -> None:
    """Predict the shape."""
    for sign, a, b in itertools.product("@+", SHAPES, SHAPES):
        got, want = _as_shape(answer(a, sign, b)), as_numpy_says(a, sign, b)
        told = got if isinstance(got, str) else f"shape {got}"
        why = why_product if sign == "@" else why_sum
        refuse_if(got != want, f"For {a} {sign} {b} you say: {told}. {why(got, want, a, b)}")


def _as_shape(got: Any) -> Any:
    """Read what an answer says of a shape as a tuple of whole numbers, or as the word."""
    if isinstance(got, str):
        wanted = f"Where numpy refuses, say {REFUSED!r}. You say {got!r}."
        refuse_if(got.strip().lower() != REFUSED, wanted)
        return REFUSED
    sizes = numbers(got, what="the shape")
    bare = "a tuple with one entry has a comma: (3,). Without it, (3) is the number 3."
    refuse_if(sizes.ndim == 0, f"You give {got}, a number. A shape is a tuple, and {bare}")
    refuse_if(sizes.ndim > 1, "A shape is one tuple of whole numbers.")
    return tuple(int(size) if size.is_integer() else float(size) for size in sizes)


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "First Z, without any bend. `@` and `+` take all rows at once, and three axes as well.",
        "`Z > 0` has the shape of Z, True where a number is positive.",
        "`np.where(Z > 0, Z, ...)` takes Z there. What does it take elsewhere?",
    ],
)
def leaky_layer(answer: Answer) -> None:
    """A layer that leaks."""
    for shape, H, leak in (((3, 3), 3, 0.5), ((4, 2, 5), 3, 0.1)):
        X, W, b = drawn_arrays(shape, (shape[-1], H), (H,), seed=10)  # a row of each kind
        got, Z = answer(X, W, b, leak), X @ W + b

        def bend(Z: Array, leak: float = leak) -> Array:
            return np.where(Z > 0, Z, leak * Z)

        slips = {
            "What is negative becomes 0 in yours. Some of it should leak through.": bend(Z, 0),
            "Your layer does not bend.": Z,
            "You bend before the bias is added.": bend(X @ W) + b,
            "You bend X. Bend what comes out of the product.": bend(X) @ W + b,
            NO_B: bend(X @ W),
            "The wrong side leaks: what is positive should pass as it is.": -bend(-Z),
            "What leaks through has lost its sign.": np.abs(bend(Z)),
            "All that is negative becomes `leak` in yours.": np.where(Z > 0, Z, leak),
            "You cut at `leak`. The bend is at 0.": np.maximum(Z, leak),
            "This is a ReLU to which `leak` is added.": np.maximum(Z, 0) + leak,
            "Only the leak is left of it. What is positive should pass as it is.": leak * Z,
        }
        if shape[-1] == H:
            slips["W lies on its side in yours: one column for each neuron."] = bend(X @ W.T + b)
            slips[WHOSE] = bend(X @ W + b[:, None])
        compare(got, bend(Z), what=f"the result for X of shape {shape}", slips=slips)
    for names in (("row", "input", "neuron"), ("text", "word", "input", "neuron")):
        few = lines_run(answer, dict.fromkeys(names, 2))
        for name in names:
            more = lines_run(answer, {**dict.fromkeys(names, 2), name: 9})
            loop = f"Right, but {name} by {name}. One product takes all at once: no loop."
            refuse_if(more != few, loop)


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "Write (XV + a)W + b without the bracket. Three terms: which of them hold X?",
        "What multiplies X is the new matrix. All the rest is the new bias.",
        "The bias a goes through the second layer like any row that comes out of the first.",
    ],
)
def fold_two(answer: Answer) -> None:
    """Two layers in one."""
    for D, K, H in ((3, 3, 3), (4, 5, 2)):
        V, a, W, b = drawn_arrays((D, K), (K,), (K, H), (H,))
        matrix, bias = answer.parts(answer(V, a, W, b), "matrix", "bias")
        slips = {}
        if D == K == H:
            slips = {
                "V and W have changed places. X meets V first.": W @ V,
                "You multiply number by number: that is `*`. Asked is `@`.": V * W,
                "You add the two matrices. One acts on what the other gives.": V + W,
                "Your matrix lies on its side.": (V @ W).T,
                "Your matrix is that of the first layer alone.": V,
                "Your matrix is that of the second layer alone.": W,
            }
        compare(matrix, V @ W, what="matrix", slips=slips)
        refuse_if(bias.shape == (1, H), f"`bias` is a table of one row. Asked is shape {(H,)}.")
        slips = {
            "The bias of the first layer is lost.": b,
            "The bias of the second layer is lost.": a @ W,
        }
        if K == H:
            slips |= {
                "You add the two biases. But a goes through W first.": a + b,
                "b goes through W in yours. Nothing comes after b.": (a + b) @ W,
                "a goes through V in yours. It comes after V, and before W.": a @ V + b,
                "a meets the rows of W in yours, not its columns.": W @ a + b,
            }
        compare(bias, a @ W + b, what="bias", slips=slips)


CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
AND, XOR = np.array([0, 0, 0, 1]), np.array([0, 1, 1, 0])


@exercise(
    difficulty=3,
    minutes=15,
    hints=[
        "Two loops: over the rounds, and in each over the examples. Inside, first the score.",
        "With `sign = 2 * y[n] - 1`, which is 1 or -1, a mistake is `sign * score <= 0`.",
        "After a mistake `w = w + sign * X[n]`, and the bias moves as if its input were 1. When "
        "all rounds are over, compute the scores once more to see what was learned.",
    ],
)
def rosenblatt(answer: Answer) -> None:
    """A neuron that learns."""
    drawn, line = drawn_arrays((9, 3), (3,))
    cases = [
        ("nine random points", drawn, (drawn @ line > 0.3).astype(int), 4, False),
        ("AND", CORNERS, AND, 20, True),
        ("XOR", CORNERS, XOR, 20, False),
        ("AND", CORNERS, AND, 5, False),
        ("AND", CORNERS, AND, 8, True),  # right after a last mistake
        ("two points", CORNERS[:2, 1:], AND[2:], 1, False),  # one of them at a score of 0
        ("two points", CORNERS[:2, 1:], XOR[1:4:2], 1, False),
    ]
    for name, X, y, rounds, learned in cases:
        after = f"after {rounds} round{'s' * (rounds > 1)}"
        case, want = f"for {name} {after}", taught(X, y, rounds)
        result = answer(X, y, rounds)
        w, b, claim = answer.parts(result, "w", "b", "learned")
        refuse_if(b.size != 1, f"`b` is one number. Yours has shape {b.shape}.")
        refuse_if(claim.size != 1, f"`learned` is True or False. Yours has shape {claim.shape}.")
        refuse_if(claim.item() not in (0, 1), f"`learned` is True or False. Yours is {claim}.")
        slips = slips_of_rosenblatt(X, y, rounds)
        compare(w, want[:-1], what=f"the w {case}", slips={t: s[:-1] for t, s in slips.items()})
        compare(b.item(), want[-1], what=f"the b {case}")
        claims = "You claim that your neuron has learned XOR. No single neuron can."
        refuse_if(bool(claim.item()) and name == "XOR", claims)
        zero = bool(((2 * y - 1) * (X @ want[:-1] + want[-1]) >= 0).all())
        still = "One score is 0, which is a mistake for both labels, at the end too." * zero
        still = f"You claim that all is right for {name} {after}. {still or 'Not all are.'}"
        refuse_if(bool(claim.item()) and not learned, still)
        modest = f"Your weights get all of {name} right {after}, and you say they have not learned."
        last = " The mistakes of the last round were made by other weights: ask the final ones."
        refuse_if(learned and not claim.item(), modest + last * (rounds == 8))


SWITCHES = np.array(list(itertools.product((0.0, 1.0), repeat=3)))  # (8, 3)
LIT = SWITCHES.sum(axis=1) % 2 == 1


@exercise(
    difficulty=3,
    minutes=15,
    hints=[
        "Which switches are up does not matter, only how many. Let each hidden neuron count them, "
        "and give each another bias.",
        "With biases 0, -1, -2 they give 0 0 0, then 1 0 0, then 2 1 0, then 3 2 1 for none, one, "
        "two and three switches up. These rows need a score below, above, below and above 0.",
        "One up: the first weight lifts the score. Two up: the second more than undoes it. This is "
        "the zigzag of the chapter, with -0.5 for the last bias.",
    ],
)
def three_switches(answer: Answer) -> None:
    """Three switches, one light."""
    V, a, W, b = answer.parts(answer(), "V", "a", "W", "b")
    lies = " It lies on its side: a row for each switch, a column for each neuron."
    told = lies if V.ndim == 2 and V.shape[1] == 3 else ""
    refuse_if(V.ndim != 2 or len(V) != 3, f"V should have shape (3, H), yours has {V.shape}.{told}")
    H = V.shape[1]
    refuse_if(a.shape != (H,), f"V has {H} columns, so a has shape {(H,)}. Yours has {a.shape}.")
    refuse_if(W.shape != (H, 1), f"V has {H} columns, so W is {(H, 1)}. Yours has {W.shape}.")
    refuse_if(b.size != 1, f"b is one number. Yours has shape {b.shape}.")
    finite = all(np.isfinite(part).all() for part in (V, a, W, b))
    refuse_if(not finite, "There is NaN or infinity among your weights.")
    Z = SWITCHES @ V + a
    scores = (np.maximum(Z, 0) @ W)[:, 0] + b.item()
    _refuse_wrong_light(Z, scores, (np.heaviside(Z, 0) @ W)[:, 0] + b.item())


def _refuse_wrong_light(Z: Array, scores: Array, steps: Array) -> None:
    """Refuse a light that is on where it should be off, or off where it should be on."""
    on, count = scores > 1e-9, SWITCHES.sum(axis=1)
    wrong = on != LIT
    if not wrong.any():
        return
    straight = (Z >= 0).all(axis=0) | (Z <= 0).all(axis=0)
    refuse_if(
        bool(straight.all()),
        "None of your hidden neurons bends: what goes into its ReLU is never on both sides of 0. "
        "So your two layers are one, and one layer cannot do this.",
    )
    refuse_if(bool(wrong.all()), "On and off have changed places. Turn all signs in W and b.")
    refuse_if(
        bool(((steps > 1e-9) == LIT).all()),
        "This would be right if a hidden neuron gave 0 or 1. ReLU lets 2 and 3 pass as they are.",
    )
    for state, word in ((True, "on"), (False, "off")):
        refuse_if(bool((on == state).all()), f"Your light is always {word}.")
    three = "Up to two switches are right. With all three up the light should be on again."
    refuse_if(bool((wrong == (count == 3)).all()), three)
    k = int(wrong.argmax())
    up = ", ".join(f"{switch:.0f}" for switch in SWITCHES[k])
    asked = "above 0, for one or three are up" if LIT[k] else "not above 0, for none or two are up"
    refuse(
        f"Of eight settings {wrong.sum()} are wrong. With the switches {up} the score is "
        f"{scores[k]:.2f}. It should be {asked}."
    )


@exercise(
    difficulty=3,
    minutes=20,
    hints=[
        "A place for each word: `column = {word: i for i, word in enumerate(words)}`.",
        "Begin with `np.zeros((len(texts), len(words) + 1))`. Go through the words of each text, "
        "and add 1 in the row of the text and in the column of the word.",
        "`column.get(word, len(words))` is the last column for a word that has none. The scores "
        "are `counts @ W`.",
    ],
)
def count_and_score(answer: Answer) -> None:
    """A bag of words."""
    V, N = len(WORDS), len(TEXTS)
    W = drawn_arrays((V + 1, 2))[0]
    counts, scores = answer.parts(answer(list(TEXTS), list(WORDS), W), "counts", "scores")
    no_column = "There is no column for the words that are not in `words`. It is the last one."
    refuse_if(counts.shape == (N, V), no_column)
    bags = [text.lower().split() for text in TEXTS]
    want = counted(bags)
    if counts.shape != want.shape:
        compare(counts, want, what="counts")
    first = "Your first column counts the unknown words. It should be the last."
    refuse_if(close(counts, np.roll(want, 1, axis=1)), first)
    slips = miscounted(want)
    compare(counts[:, :V], want[:, :V], what="the count of known words", slips=slips)
    spaced = counted([text.lower().split(" ") for text in TEXTS])
    again = "The last column should count every unknown word, also if it comes again."
    slips = {
        "Unknown words are not counted. Each adds 1 to the last column.": 0 * want,
        again: counted([list(set(bag)) for bag in bags]),
        "You count nothing as a word: between two spaces, or in an empty text. `split()` "
        "without an argument makes no empty words.": spaced,
        "Your last column counts all words, known ones too.": want.sum(axis=1, keepdims=True),
    }
    slips = {text: slip[:, -1] for text, slip in slips.items()}
    compare(counts[:, -1], want[:, -1], what="the last column", slips=slips)
    lengths = np.maximum(want.sum(axis=1, keepdims=True), 1)
    slips = {
        "The last row of W does not count in your scores.": want[:, :-1] @ W[:-1],
        "Your scores are means over the words. Asked is the product.": want @ W / lengths,
        "You score each word once, however often it stands there.": np.minimum(want, 1) @ W,
    }
    compare(scores, want @ W, what="scores", slips=slips)
    result = answer(["Art art film"], ["film", "art"], W[:3])
    counts, scores = answer.parts(result, "counts", "scores")
    other = "for one text and two words"
    compare(counts, [[1, 2, 0]], what=f"the counts {other}")
    compare(scores, [W[0] + 2 * W[1]], what=f"the scores {other}")
