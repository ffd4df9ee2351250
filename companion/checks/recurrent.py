"""Checks on recurrent networks: step by step, rows that read on, a writer, a reader to train."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from companion.checks._compare import Refused, close, compare, numbers, refuse_if
from companion.checks._recurrent import (
    FARM,
    USUAL,
    Array,
    Reader,
    drawn,
    farm,
    logits_of,
    nucleus_of,
    one_thread,
    predictions_of,
    refuse_claim,
    refuse_if_cut,
    refuse_misreader,
    refuse_misreading,
    refuse_untrained,
    step_of_torch,
    step_weights,
    surprise,
)
from companion.checks.pact import Answer, exercise
from companion.matmul import sigmoid


@exercise(
    difficulty=1,
    minutes=5,
    hints=[
        "One variable lives through the loop. What is it before the first word?",
        "At each entry of x, two formulas: first a new state, then what it predicts.",
        "Start with `h = 0.0`. In the loop, `h` stands on both sides of one line.",
    ],
)
def neuron(answer: Answer) -> None:
    """A neuron that remembers."""
    x = torch.tensor([0.9, -0.5, 0.0, 0.75, -1.0])
    for T, w_x, w_h, b, w_y in ((5, 0.8, 0.6, -0.1, 1.5), (3, -1.1, 0.9, 0.2, -0.7)):
        given: dict[str, Any] = {"x": x[:T], "w_x": w_x, "w_h": w_h, "b": b, "w_y": w_y}
        got, after = numbers(answer(*given.values())), partial(predictions_of, **given)
        refuse_if(got.size == 1, "You give one number. Every word gets a prediction.")
        refuse_if(got.size > T, "A prediction too many: before the first word there is none.")
        slips = {
            "You feed the prediction back. What is remembered is the state.": after(fed="y"),
            "You feed the last input back. What is remembered is the state.": after(fed="x"),
            "You feed back what stands inside the tanh.": after(fed="inside"),
            "Nothing is remembered: each word starts anew.": after(w_h=0),
            "The tanh is missing.": after(bend=np.positive),
            "This is a sigmoid. Asked is tanh.": after(bend=sigmoid),
            "The memory begins with the first input. It begins empty.": after(start=float(x[0])),
            "The bias is missing.": after(b=0),
            "`w_x` and `w_h` have changed places.": after(w_x=w_h, w_h=w_x),
            "These are the states. Asked is what they predict.": after(w_y=1),
            "A tanh too many: a prediction has none.": np.tanh(after()),
        }
        compare(got, after(), slips=slips)


@exercise(
    difficulty=2,
    minutes=15,
    hints=[
        "All four begin alike: weighted sums of x and of h, and two biases, (B, 4H) in all.",
        "`sums.chunk(4, dim=1)` cuts them into four. Three of these go through `torch.sigmoid`.",
        "First the new c: what is kept of the old one, and what is written of the candidate.",
    ],
)
def lstm_step(answer: Answer) -> None:
    """One step of an LSTM."""
    for B, D, H in ((2, 3, 5), (1, 7, 6)):
        given = drawn(x=(B, D), h=(B, H), c=(B, H), **step_weights(4 * H, D, H))
        new_h, new_c = answer.parts(answer(*given.values()), "h", "c")
        _compare_lstm(new_h, new_c, *given.values())
        refuse_if_cut(answer, given, partial(step_of_torch, nn.LSTMCell), "`h`", "`c`")


def _compare_lstm(got_h: Array, got_c: Array, *given: Tensor) -> None:
    """Refuse a step of an LSTM that is not the right one."""
    x, h, c, w_ih, w_hh, b_ih, b_hh = map(numbers, given)
    from_x, from_h = x @ w_ih.T + b_ih, h @ w_hh.T + b_hh  # (B, 4H)
    to_i, to_f, to_g, to_o = np.split(from_x + from_h, 4, axis=1)
    i, f, g, o = sigmoid(to_i), sigmoid(to_f), np.tanh(to_g), sigmoid(to_o)
    want = f * c + i * g
    turned = got_c.shape == want.shape and close(got_c, o * np.tanh(want))
    refuse_if(turned, "Asked is the pair (h, c). Yours is (c, h).")
    slips = {
        "The candidate has no tanh.": f * c + i * to_g,
        "The candidate has a sigmoid, but it is no gate.": f * c + i * sigmoid(to_g),
        "i and f have a tanh. A gate is 0 to 1.": np.tanh(to_f) * c + np.tanh(to_i) * g,
        "The gate f is missing: all of the old c stays.": c + i * g,
        "The gate i is missing: all of the candidate is written.": f * c + g,
        "You write 1 - f of the candidate. That is for i to say.": f * c + (1 - f) * g,
    }
    compare(got_c, want, what="c", slips=slips | _slips_of_sums(from_x, from_h, b_ih, b_hh, c))
    slips = {
        "h lacks the tanh around the memory.": o * want,
        "h lacks the gate o.": np.tanh(want),
        "h shows the old c, not the new one.": o * np.tanh(c),
        "o has a tanh. A gate is 0 to 1.": np.tanh(to_o) * np.tanh(want),
    }
    compare(got_h, o * np.tanh(want), what="h", slips=slips)


def _slips_of_sums(
    from_x: Array, from_h: Array, b_ih: Array, b_hh: Array, c: Array
) -> dict[str, Array]:
    """Say what an LSTM remembers if its weighted sums are wrong."""
    sums, in_g = from_x + from_h, np.repeat([0, 0, 1, 0], c.shape[1])

    def memory(sums: Array, order: Sequence[str] = "ifgo") -> Array:
        gates = dict(zip(order, np.split(sums, 4, axis=1), strict=True))
        kept, written = sigmoid(gates["f"]) * c, sigmoid(gates["i"]) * np.tanh(gates["g"])
        return np.asarray(kept + written)

    return {
        "The candidate does not see x: it is made of h alone.": memory(sums - in_g * from_x),
        "The candidate sees h and the biases, but not x.": memory(sums - in_g * (from_x - b_ih)),
        "The candidate does not see h.": memory(sums - in_g * from_h),
        "`bias_ih` is missing.": memory(sums - b_ih),
        "`bias_hh` is missing.": memory(sums - b_hh),
        "Both biases are missing.": memory(sums - b_ih - b_hh),
    } | {_misread(order): memory(sums, order) for order in permutations("ifgo")}


def _misread(order: Sequence[str]) -> str:
    return f"You take the blocks for {', '.join(order)}. That is not their order."


@exercise(
    difficulty=2,
    minutes=15,
    hints=[
        "Do not add what comes from h to what comes from x: the candidate needs them apart.",
        "Two sums of shape (B, 3H), each with its bias. `chunk(3, dim=1)` cuts each in three.",
        "In the candidate, r multiplies the whole third part that comes from h.",
    ],
)
def gru_step(answer: Answer) -> None:
    """One step of a GRU."""
    for B, D, H in ((2, 3, 5), (1, 7, 4)):
        given = drawn(x=(B, D), h=(B, H), **step_weights(3 * H, D, H))
        _compare_gru(answer(*given.values()), *given.values())
        refuse_if_cut(answer, given, partial(step_of_torch, nn.GRUCell), "`h`")


def _compare_gru(got: Any, *given: Tensor) -> None:
    """Refuse a step of a GRU that is not the right one."""
    x, h, w_ih, w_hh, b_ih, b_hh = map(numbers, given)
    H = h.shape[1]
    from_x, from_h = x @ w_ih.T + b_ih, h @ w_hh.T + b_hh  # (B, 3H)

    def parts(from_x: Array, from_h: Array, order: Sequence[str] = "rzn") -> list[Array]:
        """Return r, z and what of the candidate comes from x and from h."""
        p = dict(zip(order, np.split(from_x, 3, axis=1), strict=True))
        q = dict(zip(order, np.split(from_h, 3, axis=1), strict=True))
        return [sigmoid(p["r"] + q["r"]), sigmoid(p["z"] + q["z"]), p["n"], q["n"]]

    def step(r: ArrayLike, z: Array, p: Array, q: Array) -> Array:
        return np.asarray((1 - z) * np.tanh(p + np.multiply(r, q)) + z * h)

    r, z, p, q = parts(from_x, from_h)
    b_in, b_hn, late = b_ih[-H:], b_hh[-H:], (r * h) @ w_hh[-H:].T
    slips = {
        "z the other way round: where it is 1, the old h stays.": step(r, 1 - z, p, q),
        "r acts on h, before the product. Here it acts after.": step(1, z, p, late + b_hn),
        "In the candidate, r multiplies `bias_hh` too.": step(r, z, p + b_hn, q - b_hn),
        "In the candidate, `bias_ih` stays outside of r.": step(r, z, p - b_in, q + b_in),
        "r multiplies what comes from x too.": step(r, z, r * p, q),
        "The gate r is missing: the candidate sees all of h.": step(1, z, p, q),
        "The candidate has no tanh.": (1 - z) * (p + r * q) + z * h,
        "This is the candidate. How much of the old h stays?": step(r, 0 * z, p, q),
        "The old h takes no part in the mixture.": step(r, z, p, q) - z * h,
        "`bias_ih` is missing.": step(*parts(from_x - b_ih, from_h)),
        "`bias_hh` is missing.": step(*parts(from_x, from_h - b_hh)),
        "Both biases are missing.": step(*parts(from_x - b_ih, from_h - b_hh)),
    } | {_misread(order): step(*parts(from_x, from_h, order)) for order in permutations("rzn")}
    compare(got, step(r, z, p, q), what="h", slips=slips)


@exercise(
    difficulty=3,
    minutes=20,
    hints=[
        "Do not think of batches yet: first cut the ids into `batch_size` long rows.",
        "Laid below each other, the rows are a table. A batch is a few neighbouring columns.",
        "If x is `rows[:, s : s + length]`, y is the same one further. What is the last s?",
    ],
)
def streams(answer: Answer) -> None:
    """Rows that read on."""
    rng = np.random.default_rng(8)
    for N, B, L in ((56, 3, 4), (25, 3, 4), (27, 3, 4), (24, 3, 4), (9, 1, 2), (9, 2, 1)):
        ids = torch.from_numpy(rng.permutation(N) + 100)
        x, y = _places(answer(ids, B, L), ids, B, L)
        case, ahead = f"With {N} ids, batch_size={B}, length={L}: ", y - x
        refuse_if(not ahead.any(), "The targets are the inputs themselves. Shift them by one.")
        refuse_if((ahead == -1).all(), "Your targets look back: each is the id before its input.")
        round_ = "Nothing follows the last of the ids. Your target for it is the first."
        refuse_if(((x == N - 1) & (y == 0)).any(), round_)
        wraps = "The last target of a row is not the id that follows. The others are right."
        refuse_if((ahead[..., :-1] == 1).all() and (ahead[..., -1] != 1).any(), wraps)
        refuse_if((ahead != 1).any(), "A target is the id that follows its input; not all are.")
        down = "The ids do not follow each other along a row: a row is a stretch of the text."
        refuse_if((np.diff(x, axis=2) != 1).any(), down)
        across = "Row b goes on in row b + 1. It should go on in the next batch, in row b again."
        refuse_if(B > 1 and (x[:, 1:, 0] - x[:, :-1, -1] == 1).all(), across)
        jump = x[1:, :, 0] - x[:-1, :, -1]  # from the end of one batch to the start of the next
        lost = "Between two batches an id is skipped: a last target is the next first input."
        refuse_if(jump.size > 0 and (jump == 2).all(), lost)
        again = "Your batches overlap: the next one begins where this one has ended."
        refuse_if(jump.size > 0 and ((jump > 1 - L) & (jump < 1)).all(), again)
        jumps = "Row b of a batch does not go on where row b of the batch before ended."
        refuse_if((jump != 1).any(), jumps)
        refuse_if(x[0, 0, 0] > 0, case + "the first batch does not begin with the first id.")
        uneven = "the rows do not begin at equal distances: they should be equally long."
        refuse_if(len(set(np.diff(x[0, :, 0]))) > 1, case + uneven)
        few = "the ids are enough for one more batch, and for its targets."
        refuse_if(len(x) < (N // B - 1) // L, case + few)
    none = "With 8 ids, batch_size=2, length=4 not one batch is full: every input needs a target."
    refuse_if(len(answer(torch.arange(8), 2, 4)) > 0, none)


def _places(result: Any, ids: Tensor, B: int, L: int) -> Array:
    """Return where in ids the inputs and the targets stand, shape (2, batches, B, L)."""
    kind, places = type(result).__name__, {each: i for i, each in enumerate(ids.tolist())}
    refuse_if(not isinstance(result, list | tuple), f"Give a list of pairs. Yours is a {kind}.")
    refuse_if(not result, "There is no batch in your list.")
    pairs: list[Any] = []
    for k, pair in enumerate(result, 1):
        two = isinstance(pair, list | tuple) and len(pair) == 2
        refuse_if(not two, "Each entry of the list is a pair (x, y).")
        x, y = numbers(pair[0], what="x"), numbers(pair[1], what="y")
        short = k == len(result) and x.shape < (B, L) and x.ndim == 2
        refuse_if(short, f"Your last batch has shape {x.shape}: drop what does not fill one.")
        refuse_if(x.shape != (B, L), f"x should have shape {(B, L)}, yours has {x.shape}.")
        unlike = f"x has shape {x.shape}, y has {y.shape}: every input needs a target."
        refuse_if(y.shape != x.shape, unlike)
        pairs.append([[places.get(each, -1) for each in part.ravel()] for part in (x, y)])
    found = np.array(pairs).swapaxes(0, 1).reshape(2, -1, B, L)
    refuse_if((found < 0).any(), "There are numbers in your batches that `ids` does not hold.")
    return found


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "A tensor knows how it was computed. You want its values in one that does not know.",
        "`tensor.detach()` makes such a tensor; `tensor.detach_()` does it to the old one.",
        "A pair has no `detach`. Ask `isinstance(state, tuple)`, and treat each of its parts.",
    ],
)
def hand_on(answer: Answer) -> None:
    """A state without its past."""
    for names, dtype in (("h", torch.float64), ("hc", torch.float32)):
        root = torch.linspace(-1, 2, 12, dtype=dtype).reshape(2, 2, 3).requires_grad_()
        state = [(root * 0.5).tanh(), root * 1.5][: len(names)]
        values = [numbers(part) for part in state]
        got = answer(state[0] if names == "h" else tuple(state))
        many = isinstance(got, tuple | list)
        refuse_if(names == "h" and many, "One tensor comes in here, and several go out.")
        new = [got] if names == "h" else got
        answer.parts(new, *names)
        for name, tensor, old, value in zip(names, new, state, values, strict=True):
            refuse_if(not isinstance(tensor, Tensor), f"`{name}` is no tensor any more.")
            whole = old.grad_fn is not None and close(numbers(old), value)
            refuse_if(not whole, f"You change the old `{name}` itself, on which a loss may rest.")
            lost = f"`{name}` is all zeros: with the graph you cut off the memory."
            slips = {lost: 0 * value, "h and c have changed places.": values[-1]}
            compare(tensor, value, what=name, slips=slips)
            other = f"`{name}` comes in as {old.dtype} and goes out as {tensor.dtype}."
            refuse_if(tensor.dtype != old.dtype, other)
            if tensor.requires_grad:
                tensor.sum().backward()
            hangs = f"`{name}` still hangs on its past: a gradient goes back through it."
            refuse_if(root.grad is not None, hangs)


@exercise(
    difficulty=3,
    minutes=15,
    hints=[
        "Draw a text of three words with padding behind, and two arrows. Where does each end?",
        "Forwards all is read at the last word, `lengths - 1`; backwards, at the first.",
        "`output[torch.arange(B), lengths - 1]` picks one step of each text, (B, 2H).",
    ],
)
def pool(answer: Answer) -> None:
    """Both ways through a text."""
    for T, H, lengths in ((6, 3, [6, 3, 1, 4]), (5, 2, [2, 5]), (4, 1, [2])):
        given = {**drawn(output=(len(lengths), T, 2 * H)), "lengths": torch.tensor(lengths)}
        got = answer(*given.values())
        y, n = map(numbers, given.values())
        words = np.arange(T) < n[:, None]  # (B, T)
        rows, stop = np.arange(len(n)), n.astype(int) - 1
        first, last, end = y[:, 0], y[rows, stop], y[:, -1]
        mean, early = (y * words[:, :, None]).sum(axis=1) / n[:, None], y[rows, stop - 1]

        def join(forward: Array, backward: Array, H: int = H) -> Array:
            return np.hstack([forward[:, :H], backward[:, -H:]])

        alone = "half has read one word only, where you take it."
        slips = {
            "At `output[:, -1]` the backward half has read one word, or padding.": end,
            "In a short text your forward half has run on into padding.": join(end, first),
            "The backward " + alone: last,
            "The forward " + alone: first,
            "Each " + alone: join(first, last),
            "The forward half has not read the last word.": join(early, first),
            "This is a mean over all steps, padding too.": y.mean(axis=1),
            "This is a mean over the words. At most of them half is unread.": mean,
            "The halves have changed places: forwards comes first.": np.roll(
                join(last, first), H, axis=1
            ),
        }
        compare(got, join(last, first), slips=slips)
        refuse_if_cut(answer, given, _ends, "Your result")


def _ends(output: Tensor, lengths: Tensor) -> Tensor:
    """Return both halves where each has read all."""
    H = output.shape[2] // 2
    return torch.cat([output[torch.arange(len(output)), lengths - 1, :H], output[:, 0, H:]], 1)


@exercise(
    difficulty=3,
    minutes=20,
    hints=[
        "Sort the tokens, the likeliest first, and add up. Where does the sum reach `top_p`?",
        "A token stays if those before it have not reached `top_p`. So the first always stays.",
        "`p.sort(descending=True)` gives the ids too. Through them a share finds its place.",
    ],
)
def nucleus(answer: Answer) -> None:
    """The likely few."""
    unlike, exact = [0.05, 0.4, 0.1, 0.25, 0.03, 0.17], [0.125, 0.5, 0.0625, 0.25, 0.0625]
    for p, top_p in ((unlike, 0.75), (unlike, 0.3), (exact, 0.75), (unlike, 1.0)):
        got = numbers(answer(torch.tensor(p), top_p))
        none = f"With p = {p} and top_p = {top_p} no token is left. One always stays."
        refuse_if(np.isnan(got).all() or not got.any(), none)
        short = f"You give {got.size} numbers for {len(p)} tokens. A token that goes gets 0."
        refuse_if(got.size != len(p), short)
        want, slips = nucleus_of(np.array(p), top_p)
        compare(got, want, slips=slips, what=f"the result with p = {p}, top_p = {top_p}")
    alike = numbers(answer(torch.full((4,), 0.25), 0.5))
    ties = "Of four tokens with 0.25 each, two reach top_p = 0.5. You keep"
    refuse_if(np.sum(alike > 0) != 2, f"{ties} {np.sum(alike > 0)}.")
    compare(np.sort(alike), [0, 0, 0.5, 0.5], what="the result for four tokens alike, sorted,")
    many = np.floor(2.0**22 * np.random.default_rng(8).dirichlet(np.ones(200)) + 1) / 2.0**22
    many[many.argmax()] -= many.sum() - 1 + 2.0**-16  # in float32 all sums of these are exact
    rounded = "the result with top_p = 1, where rounding leaves a sum of 0.99998 for all,"
    compare(answer(torch.from_numpy(many).float(), 1.0), many / many.sum(), what=rounded)


@exercise(
    difficulty=4,
    minutes=30,
    hints=[
        "Beside the state two things go through the loop: the text, and what of it is unread.",
        "`for _ in range(limit)` adds no word too many; `int(scores.argmax())` is the likeliest.",
        "Read what is unread, choose, leave if it is `end`, append. What is unread now?",
    ],
)
def write(answer: Answer) -> None:
    """The writer's loop."""
    # film 0, was 1, slow 2, but 3, never 4, dull 5, short 6, a full stop 7, an end 8
    slow = (0, 1, 2, 3, 0, 1, 4, 5, 7, 8, 0, 1, 6, 7, 8, 0, 1, 5, 7, 8)
    short, endless = (8, 0, 1, 6, 7, 8, 0, 1, 2, 7, 8), (0, 1, 4, 5, 3) * 20
    turned = tuple(8 - word for word in short)  # here the end is 0
    for text, end, known, new, limit in (
        (slow, 8, 2, 7, 15),
        (slow, 8, 2, 4, 4),
        (short, 8, 1, 4, 9),
        (slow, 8, 2, 7, 7),
        (turned, 0, 1, 4, 9),
        (endless, 8, 6, 3, 3),
    ):
        prompt, want, reader = text[:known], text[: known + new], Reader(text)
        given, case = list(prompt), f"With a prompt of {known} and limit = {limit}: "
        try:
            got = tuple(numbers(answer(reader.step, (), given, limit, end)).ravel())
        except Refused:
            refuse_if(reader.tired, case + "your loop has called `step` 60 times and goes on.")
            raise
        refuse_misreading(reader.calls, prompt, text)
        refuse_if(got == (*want, end), "The end token is in your text. It only says: stop.")
        refuse_if(got == want[known:], "The prompt is not in your text. Asked is all of it.")
        started = "the prompt holds an end token, of the text before. It does not end this one."
        refuse_if(prompt == (end,) and len(got) == 1 and not reader.calls, case + started)
        refuse_if(end in got[known:], case + "your text goes on behind the end token.")
        counts = "your limit counts the prompt. It is for new words."
        refuse_if(got == want[:limit] and limit < len(want), case + counts)
        refuse_if(len(got) != len(want), case + f"{len(got) - known} words are new, not {new}.")
        compare(got, want, what="the text")
        words = sum(len(each) for _, each in reader.calls)
        beyond = "the model reads the last word too, though the limit has ended the text."
        refuse_if(new == limit and words == len(want), case + beyond)
    none = numbers(answer(Reader(slow).step, (), list(slow[:2]), 0, 8))
    refuse_if(none.size > 2, "With limit = 0 you add a word.")


@exercise(
    difficulty=4,
    minutes=30,
    hints=[
        "Vectors for the words, an `LSTM`, a linear layer with a score for each word: `forward` "
        "hands the ids through all three. The chapter's loop trains it; `batches` cuts the text.",
        "Adam with a rate of 0.01 needs about a hundred steps on batches of 16 rows of 32 words.",
        "In the end, under `no_grad`: `cross_entropy(model(held_back[None, :-1])[0], "
        "held_back[1:])` is a mean over all words. What makes a perplexity of it?",
    ],
)
def train_model(answer: Answer) -> None:
    """A reader that remembers how the sentence began."""
    rng = np.random.default_rng(8)
    ids, other = farm(rng, 6400), farm(rng, 53 * 6, USUAL[::-1], lengths=(4,))
    rare = [0, FARM - 1, FARM - 1, FARM - 1]  # what surprises most stands alone in a last batch
    held_back = np.append(other, rare)  # of 1 + 321 words: 32, 32, ..., 32, 1
    fresh = torch.from_numpy(np.stack([farm(rng, 61) for _ in range(64)]))
    with one_thread():
        result = answer(torch.from_numpy(ids), torch.from_numpy(held_back), FARM)
        two = isinstance(result, list | tuple) and len(result) == 2
        refuse_if(not two, "Return two things: the model, and its perplexity on `held_back`.")
        model, claim = result
        first = f"First the model, then its perplexity: you begin with a {type(model).__name__}."
        refuse_if(not callable(model), first)
        untaught = "You return the class of your model. Asked is the one that you have trained."
        refuse_if(isinstance(model, type), untaught)
        ask = partial(logits_of, Answer(model, "model"))
        refuse_misreader(ask, fresh)
        refuse_untrained(ask, ids, fresh)
        held = surprise(ask, torch.from_numpy(held_back)[None])
        refuse_claim(claim, held, surprise(ask, torch.from_numpy(ids)[None]))
