"""Checks on recurrent networks: memory step by step, rows that read on, and a writer's loop."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.func import functional_call

from companion.checks._compare import Refused, close, compare, numbers, refuse, refuse_if
from companion.checks.pact import Answer, exercise

Array = NDArray[Any]
Ids = tuple[int, ...]


def _drawn(**shapes: tuple[int, ...]) -> dict[str, Tensor]:
    """Return tensors of these shapes, the same each time."""
    rng = np.random.default_rng(8)
    return {name: torch.from_numpy(rng.normal(size=s)).float() for name, s in shapes.items()}


def _sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def _refuse_if_cut(
    answer: Answer, given: dict[str, Tensor], right: Callable[..., Any], *names: str
) -> None:
    """Refuse tensors, of these names, whose gradient does not go back to all that came in.

    Arrays and lists, which have no gradient, are let off.
    """
    if not all(isinstance(part, Tensor) for part in _listed(answer(*given.values()))):
        return
    gradients = []
    for function in (right, answer):
        new = {k: v.clone().requires_grad_(v.is_floating_point()) for k, v in given.items()}
        parts = _listed(function(*new.values()))
        for name, part in zip(names, parts, strict=True):
            cut = f"{name} is cut off from its graph: nothing could be learned through it."
            refuse_if(not part.requires_grad, cut)
        entries = torch.cat([part.flatten() for part in parts])
        (entries * torch.linspace(1, 2, len(entries))).sum().backward()
        gradients.append({k: v.grad for k, v in new.items() if v.requires_grad})
    for name, want in gradients[0].items():
        missing = f"No gradient reaches `{name}`: a copy that is cut off stands in its place."
        refuse_if(gradients[1][name] is None, missing)
        compare(gradients[1][name], numbers(want), what=f"the gradient at {name}")


def _listed(result: Any) -> list[Any]:
    return list(result) if isinstance(result, list | tuple) else [result]


def _step_weights(rows: int, D: int, H: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights of a cell of torch whose sums have so many rows."""
    return {"weight_ih": (rows, D), "weight_hh": (rows, H), "bias_ih": (rows,), "bias_hh": (rows,)}


def _step_of_torch(cell: type[nn.Module], x: Tensor, *states_and_weights: Tensor) -> Any:
    """Take the step of a cell of torch, with a graph that goes back to all that is given."""
    *states, w_ih, w_hh, b_ih, b_hh = states_and_weights
    weights = {"weight_ih": w_ih, "weight_hh": w_hh, "bias_ih": b_ih, "bias_hh": b_hh}
    made = cell(x.shape[1], w_hh.shape[1], device="meta")
    return functional_call(made, weights, (x, states[0] if len(states) == 1 else tuple(states)))


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
        got, after = numbers(answer(*given.values())), partial(_predictions, **given)
        refuse_if(got.size == 1, "You give one number. Every word gets a prediction.")
        refuse_if(got.size > T, "A prediction too many: before the first word there is none.")
        slips = {
            "You feed the prediction back. What is remembered is the state.": after(fed="y"),
            "You feed the last input back. What is remembered is the state.": after(fed="x"),
            "You feed back what stands inside the tanh.": after(fed="inside"),
            "Nothing is remembered: each word starts anew.": after(w_h=0),
            "The tanh is missing.": after(bend=np.positive),
            "This is a sigmoid. Asked is tanh.": after(bend=_sigmoid),
            "The memory begins with the first input. It begins empty.": after(start=float(x[0])),
            "The bias is missing.": after(b=0),
            "`w_x` and `w_h` have changed places.": after(w_x=w_h, w_h=w_x),
            "These are the states. Asked is what they predict.": after(w_y=1),
            "A tanh too many: a prediction has none.": np.tanh(after()),
        }
        compare(got, after(), slips=slips)


def _predictions(
    x: Tensor, *, bend: Any = np.tanh, fed: str = "h", start: float = 0, **w: float
) -> Array:
    """Return what the neuron predicts if this is its bend, what it remembers, and its start."""
    past, predictions = start, []
    for x_t in x.tolist():
        inside = w["w_x"] * x_t + w["w_h"] * past + w["b"]
        h = float(bend(inside))
        predictions.append(w["w_y"] * h)
        past = {"h": h, "y": predictions[-1], "x": x_t, "inside": inside}[fed]
    return np.array(predictions)


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
        given = _drawn(x=(B, D), h=(B, H), c=(B, H), **_step_weights(4 * H, D, H))
        new_h, new_c = answer.parts(answer(*given.values()), "h", "c")
        _compare_lstm(new_h, new_c, *given.values())
        _refuse_if_cut(answer, given, partial(_step_of_torch, nn.LSTMCell), "`h`", "`c`")


def _compare_lstm(got_h: Array, got_c: Array, *given: Tensor) -> None:
    """Refuse a step of an LSTM that is not the right one."""
    x, h, c, w_ih, w_hh, b_ih, b_hh = map(numbers, given)
    from_x, from_h = x @ w_ih.T + b_ih, h @ w_hh.T + b_hh  # (B, 4H)
    to_i, to_f, to_g, to_o = np.split(from_x + from_h, 4, axis=1)
    i, f, g, o = _sigmoid(to_i), _sigmoid(to_f), np.tanh(to_g), _sigmoid(to_o)
    want = f * c + i * g
    turned = got_c.shape == want.shape and close(got_c, o * np.tanh(want))
    refuse_if(turned, "Asked is the pair (h, c). Yours is (c, h).")
    slips = {
        "The candidate has no tanh.": f * c + i * to_g,
        "The candidate has a sigmoid, but it is no gate.": f * c + i * _sigmoid(to_g),
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
        kept, written = _sigmoid(gates["f"]) * c, _sigmoid(gates["i"]) * np.tanh(gates["g"])
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
        given = _drawn(x=(B, D), h=(B, H), **_step_weights(3 * H, D, H))
        _compare_gru(answer(*given.values()), *given.values())
        _refuse_if_cut(answer, given, partial(_step_of_torch, nn.GRUCell), "`h`")


def _compare_gru(got: Any, *given: Tensor) -> None:
    """Refuse a step of a GRU that is not the right one."""
    x, h, w_ih, w_hh, b_ih, b_hh = map(numbers, given)
    H = h.shape[1]
    from_x, from_h = x @ w_ih.T + b_ih, h @ w_hh.T + b_hh  # (B, 3H)

    def parts(from_x: Array, from_h: Array, order: Sequence[str] = "rzn") -> list[Array]:
        """Return r, z and what of the candidate comes from x and from h."""
        p = dict(zip(order, np.split(from_x, 3, axis=1), strict=True))
        q = dict(zip(order, np.split(from_h, 3, axis=1), strict=True))
        return [_sigmoid(p["r"] + q["r"]), _sigmoid(p["z"] + q["z"]), p["n"], q["n"]]

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
        given = {**_drawn(output=(len(lengths), T, 2 * H)), "lengths": torch.tensor(lengths)}
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
        _refuse_if_cut(answer, given, _ends, "Your result")


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
        want, slips = _nucleus(np.array(p), top_p)
        compare(got, want, slips=slips, what=f"the result with p = {p}, top_p = {top_p}")
    alike = numbers(answer(torch.full((4,), 0.25), 0.5))
    ties = "Of four tokens with 0.25 each, two reach top_p = 0.5. You keep"
    refuse_if(np.sum(alike > 0) != 2, f"{ties} {np.sum(alike > 0)}.")
    compare(np.sort(alike), [0, 0, 0.5, 0.5], what="the result for four tokens alike, sorted,")
    many = np.floor(2.0**22 * np.random.default_rng(8).dirichlet(np.ones(200)) + 1) / 2.0**22
    many[many.argmax()] -= many.sum() - 1 + 2.0**-16  # in float32 all sums of these are exact
    rounded = "the result with top_p = 1, where rounding leaves a sum of 0.99998 for all,"
    compare(answer(torch.from_numpy(many).float(), 1.0), many / many.sum(), what=rounded)


def _nucleus(p: Array, top_p: float) -> tuple[Array, dict[str, Array]]:
    """Return what should be left of a distribution, and what typical slips leave."""
    order = np.argsort(-p)
    stay = p[order].cumsum() - p[order] < top_p  # those before it have not reached top_p
    count, in_order = int(stay.sum()), np.flatnonzero(p.cumsum() - p < top_p)

    def only(ids: Array) -> Array:
        return np.where(np.isin(np.arange(p.size), ids), p, 0)

    def share(values: Array) -> Array:
        return np.asarray(values / max(values.sum(), 1e-9))

    kept, ranked = only(order[:count]), share(p[order] * stay)
    return share(kept), {
        "The token that crosses `top_p` is left out.": share(only(order[: count - 1])),
        "One token too many: those before it reach `top_p`.": share(only(order[: count + 1])),
        "What is left does not sum to 1.": kept,
        "Your result is sorted. Every token keeps its place in p.": ranked,
        "No token goes. Add up from the likeliest down, and stop at `top_p`.": p,
        "You add up in the order of the ids. The likeliest come first.": share(only(in_order)),
        "You say by rank which tokens stay, and apply it by id.": share(only(np.arange(count))),
        "The way back from rank to id is the wrong way round.": ranked[order],
        "These were probabilities already: no softmax.": share(np.exp(p) * (kept > 0)),
        "You keep the unlikely tokens, and drop the likely ones.": share(p - kept),
    }


class _Reader:
    """A model that knows one text by heart, and notes what it is given to read."""

    def __init__(self, text: Ids) -> None:
        self.text, self.calls, self.tired = text, list[tuple[Ids, Ids]](), False

    def step(self, ids: Sequence[int], state: Ids) -> tuple[Tensor, Ids]:
        """Return a score for each token that may follow, and all that was read."""
        new = tuple(int(each) for each in ids)
        if not new or not isinstance(state, tuple):
            raise ValueError(f"step(ids, state) wants ids, and its last state, got {ids}, {state}")
        self.tired = len(self.calls) == 60
        if self.tired:
            raise RuntimeError("step was called 60 times")
        self.calls.append((state, new))
        read = state + new
        known = read == self.text[: len(read)] and len(read) < len(self.text)
        scores = torch.linspace(-2, -1, 10)
        scores[self.text[len(read)] if known else 9] = -0.5
        return scores, read


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
        prompt, want, reader = text[:known], text[: known + new], _Reader(text)
        given, case = list(prompt), f"With a prompt of {known} and limit = {limit}: "
        try:
            got = tuple(numbers(answer(reader.step, (), given, limit, end)).ravel())
        except Refused:
            refuse_if(reader.tired, case + "your loop has called `step` 60 times and goes on.")
            raise
        _refuse_misreading(reader.calls, prompt, text)
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
    none = numbers(answer(_Reader(slow).step, (), list(slow[:2]), 0, 8))
    refuse_if(none.size > 2, "With limit = 0 you add a word.")


def _refuse_misreading(calls: list[tuple[Ids, Ids]], prompt: Ids, text: Ids) -> None:
    """Refuse a loop that does not give the model every word once, and the state with it."""
    read: Ids = ()
    for state, new in calls:
        anew = "You let the whole text be read anew for each word. The state knows it."
        refuse_if(not state and len(read) > 0 and new[: len(read)] == read, anew)
        refuse_if(state != read, "A step gets an old state: hand on the one that came last.")
        twice = "You give the whole text and the state: what the state knows is read twice."
        refuse_if(len(read) > 0 and new[: len(read)] == read, twice)
        again = "The last word of the prompt is read twice: first with the prompt, then alone."
        refuse_if(read == prompt and new == prompt[-1:], again)
        start = "The model does not read the prompt from its first word."
        refuse_if(not read and new != text[: len(new)], start)
        other = "The word that the model reads next is not the one with the highest score."
        refuse_if(new != text[len(read) : len(read) + len(new)], other)
        read += new


# The farm: cow old small moo, hen loud old brown cluck, pig ...

BEGINNINGS, BETWEEN, LENGTHS = 4, 8, (2, 3, 4)  # animals, and between them and their sounds
FARM = 2 * BEGINNINGS + BETWEEN  # words, the sound of animal a is BEGINNINGS + a
USUAL = np.arange(BETWEEN, 0, -1) / np.arange(BETWEEN + 1).sum()  # how often each stands between
PER_SENTENCE = math.log(BEGINNINGS) + math.log(len(LENGTHS)) - 3 * (USUAL @ np.log(USUAL))
CEILING = math.exp(PER_SENTENCE / 5)  # of a perfect reader, 5 words in a sentence on average
MARK = 6.5  # whoever forgets the animal reaches 6.9, whoever counts pairs of words 8.4


def _farm(
    rng: np.random.Generator,
    size: int,
    between: Array = USUAL,
    lengths: Sequence[int] = LENGTHS,
) -> Array:
    """Write so many words of sentences that end with the sound of the animal they began with."""
    words = list[int]()
    while len(words) < size:
        animal, middle = int(rng.integers(BEGINNINGS)), int(rng.choice(lengths))
        words += [animal, *(2 * BEGINNINGS + rng.choice(BETWEEN, middle, p=between))]
        words.append(BEGINNINGS + animal)
    return np.array(words[:size])


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
    ids, other = _farm(rng, 6400), _farm(rng, 53 * 6, USUAL[::-1], lengths=(4,))
    rare = [0, FARM - 1, FARM - 1, FARM - 1]  # what surprises most stands alone in a last batch
    held_back = np.append(other, rare)  # of 1 + 321 words: 32, 32, ..., 32, 1
    fresh = torch.from_numpy(np.stack([_farm(rng, 61) for _ in range(64)]))
    with _one_thread():
        result = answer(torch.from_numpy(ids), torch.from_numpy(held_back), FARM)
        two = isinstance(result, list | tuple) and len(result) == 2
        refuse_if(not two, "Return two things: the model, and its perplexity on `held_back`.")
        model, claim = result
        first = f"First the model, then its perplexity: you begin with a {type(model).__name__}."
        refuse_if(not callable(model), first)
        untaught = "You return the class of your model. Asked is the one that you have trained."
        refuse_if(isinstance(model, type), untaught)
        ask = partial(_logits, Answer(model, "model"))
        _refuse_misreader(ask, fresh)
        _refuse_untrained(ask, ids, fresh)
        held = _surprise(ask, torch.from_numpy(held_back)[None])
        _refuse_claim(claim, held, _surprise(ask, torch.from_numpy(ids)[None]))


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute on one core: threads that wait for each other cost time, too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _logits(model: Answer, ids: Tensor) -> Array:
    """Return what a model says to ids (B, T), (B, T, V), or refuse it."""
    with torch.no_grad():
        result = model(ids)
    alone = "Your model returns several things. Asked are the logits alone."
    refuse_if(isinstance(result, tuple), alone)
    logits, shape = numbers(result, what="what the model returns"), (*ids.shape, FARM)
    wrong = f"For ids of shape {tuple(ids.shape)} the logits should have shape {shape}, yours have"
    refuse_if(logits.shape != shape, f"{wrong} {logits.shape}.")
    refuse_if(np.isnan(logits).any(), "Among your model's logits is NaN.")
    return logits


def _surprise(ask: Callable[[Tensor], Array], ids: Tensor, ahead: int = 1) -> Array:
    """Return -log p of the word so many places ahead, at each place where there is one."""
    targets = ids[:, ahead:].numpy()
    logits = ask(ids)[:, : targets.shape[1]]
    top = logits.max(axis=2, keepdims=True)
    log_sum = top + np.log(np.exp(logits - top).sum(axis=2, keepdims=True))
    return np.asarray((log_sum - np.take_along_axis(logits, targets[:, :, None], 2))[..., 0])


def _perplexity(surprise: Array) -> float:
    return math.exp(min(surprise.mean(), 700))  # what is beyond is no float


def _refuse_misreader(ask: Callable[[Tensor], Array], fresh: Tensor) -> None:
    """Refuse a model that is no language model, however small its loss may be."""

    def same(a: Array, b: Array) -> bool:
        return bool(np.allclose(a, b, rtol=1e-3, atol=1e-3))

    said = ask(fresh)
    chance = "Asked the same twice, your model says two things. Is dropout on? Does a state stay?"
    refuse_if(not same(ask(fresh), said), chance)
    mates = "What your model says to a text depends on the other texts of the batch: does the "
    refuse_if(not same(ask(fresh[-1:]), said[-1:]), mates + "layer take the batch first?")
    for t in (1, 20, fresh.shape[1] - 1):
        later = fresh.clone()
        later[:, t:] = (later[:, t:] + 5) % FARM
        ahead = "Your model sees what is to come: a word changes the logits of places before it."
        refuse_if(not same(ask(later)[:, :t], said[:, :t]), ahead)
    shares = (said >= 0).all() and np.allclose(said.sum(axis=2), 1, atol=1e-3)
    refuse_if(shares, "These are probabilities. Asked are logits, as before the softmax.")


def _refuse_untrained(ask: Callable[[Tensor], Array], ids: Array, fresh: Tensor) -> None:
    """Refuse a model that has not learned how a sentence ends, and say how far it has come."""
    reached, again, after = (_perplexity(_surprise(ask, fresh, t)) for t in (1, 0, 2))
    if reached < MARK:
        return
    echo = "Your model says the word that it has just read. The target is the one after it."
    refuse_if(again < MARK / 2, echo)
    skips = "Your model says the next word but one. The target is the word right after."
    refuse_if(after < 0.7 * reached, skips)
    words, pairs = np.ones(FARM), np.ones((FARM, FARM))
    np.add.at(words, ids, 1)
    np.add.at(pairs, (ids[:-1], ids[1:]), 1)
    x, y = fresh[:, :-1].numpy(), fresh[:, 1:].numpy()
    by_word = _perplexity(-np.log(words / words.sum())[y])
    by_pair = _perplexity(-np.log(pairs / pairs.sum(axis=1, keepdims=True))[x, y])
    reading = "it has not learned how to end a sentence as it began"
    for least, what in ((by_pair, "pairs of words"), (by_word, "words, and not their order")):
        if reached > 0.97 * least:
            reading = f"no better than one who counts {what}"
    reading = f"no better than a guess among {FARM} words" if reached > 0.97 * FARM else reading
    own = _perplexity(_surprise(ask, torch.from_numpy(ids)[None]))
    text = f"On a fresh text your model has a perplexity of {reached:.3g} (on `ids`, {own:.3g}): "
    text += f"{reading}."
    refuse(f"{text} Asked is less than {MARK}, and {CEILING:.2f} is the best possible.")


def _refuse_claim(claim: Any, held: Array, learned: Array) -> None:
    """Refuse a perplexity that is not the model's own, on the text held back."""
    got, right, loss = numbers(claim, what="the perplexity"), _perplexity(held), held.mean()
    refuse_if(got.size != 1, f"The perplexity is one number. Yours has shape {got.shape}.")
    claimed = got.item()
    if abs(claimed / right - 1) < 0.001:
        return
    for message, slip in {
        "This is the loss. Perplexity is its exponential.": loss,
        "This is 2 to the power of the loss, but the loss is in nats: take e.": 2**loss,
        "This is e to the power of the loss in bits: take nats.": math.exp(loss / math.log(2)),
        "This is the perplexity on `ids`. Asked is the one on `held_back`.": _perplexity(learned),
        "First the mean, then the exponential: you do it the other way round.": np.exp(held).mean(),
    }.items():
        refuse_if(abs(claimed / slip - 1) < 0.001, message)
    said = f"You claim a perplexity of {claimed:.3g}. On `held_back`, read as one row, your model"
    refuse(f"{said} has {right:.3g}. Does every word count once, no more and no less?")
