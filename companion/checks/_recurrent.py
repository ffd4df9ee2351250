"""What recurrent cells should do and slips make of it, a known text, a farm and its readers."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from companion.checks._compare import compare, numbers, refuse, refuse_if
from companion.checks.pact import Answer

Array = NDArray[Any]
Ids = tuple[int, ...]


def drawn(**shapes: tuple[int, ...]) -> dict[str, Tensor]:
    """Return tensors of these shapes, the same each time."""
    rng = np.random.default_rng(8)
    return {name: torch.from_numpy(rng.normal(size=s)).float() for name, s in shapes.items()}


def predictions_of(
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


# Cells and their gradients


def refuse_if_cut(
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


def step_weights(rows: int, D: int, H: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights of a cell of torch whose sums have so many rows."""
    return {"weight_ih": (rows, D), "weight_hh": (rows, H), "bias_ih": (rows,), "bias_hh": (rows,)}


def step_of_torch(cell: type[nn.Module], x: Tensor, *states_and_weights: Tensor) -> Any:
    """Take the step of a cell of torch, with a graph that goes back to all that is given."""
    *states, w_ih, w_hh, b_ih, b_hh = states_and_weights
    weights = {"weight_ih": w_ih, "weight_hh": w_hh, "bias_ih": b_ih, "bias_hh": b_hh}
    made = cell(x.shape[1], w_hh.shape[1], device="meta")
    return functional_call(made, weights, (x, states[0] if len(states) == 1 else tuple(states)))


def nucleus_of(p: Array, top_p: float) -> tuple[Array, dict[str, Array]]:
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


# A model that knows a text by heart


class Reader:
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


def refuse_misreading(calls: list[tuple[Ids, Ids]], prompt: Ids, text: Ids) -> None:
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


def farm(
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


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one core: threads that wait for each other cost time, too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def logits_of(model: Answer, ids: Tensor) -> Array:
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


def surprise(ask: Callable[[Tensor], Array], ids: Tensor, ahead: int = 1) -> Array:
    """Return -log p of the word so many places ahead, at each place where there is one."""
    targets = ids[:, ahead:].numpy()
    logits = ask(ids)[:, : targets.shape[1]]
    top = logits.max(axis=2, keepdims=True)
    log_sum = top + np.log(np.exp(logits - top).sum(axis=2, keepdims=True))
    return np.asarray((log_sum - np.take_along_axis(logits, targets[:, :, None], 2))[..., 0])


def _perplexity(nats: Array) -> float:
    return math.exp(min(nats.mean(), 700))  # what is beyond is no float


def refuse_misreader(ask: Callable[[Tensor], Array], fresh: Tensor) -> None:
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


def refuse_untrained(ask: Callable[[Tensor], Array], ids: Array, fresh: Tensor) -> None:
    """Refuse a model that has not learned how a sentence ends, and say how far it has come."""
    reached, again, after = (_perplexity(surprise(ask, fresh, t)) for t in (1, 0, 2))
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
    own = _perplexity(surprise(ask, torch.from_numpy(ids)[None]))
    text = f"On a fresh text your model has a perplexity of {reached:.3g} (on `ids`, {own:.3g}): "
    text += f"{reading}."
    refuse(f"{text} Asked is less than {MARK}, and {CEILING:.2f} is the best possible.")


def refuse_claim(claim: Any, held: Array, learned: Array) -> None:
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
