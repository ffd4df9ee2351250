"""Checks on a PyTorch pipeline: batches, last words, marks, evaluation, and going on."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import torch

from companion.checks import _torch_pipeline as t
from companion.checks._compare import (
    FAULTS,
    compare,
    compare_cases,
    numbers,
    refuse,
    refuse_if,
)
from companion.checks.pact import Answer, exercise
from companion.runtime import as_array, seeded


@exercise(
    difficulty=1,
    minutes=10,
    hints=[
        "Take the second axis away by name: `logits[:, 0]`, or `squeeze(1)`. Both leave (1,) where "
        "there is one review.",
        "For label 0 the loss is -log(1 - sigmoid(z)) = log(1 + exp(z)), for label 1 that minus z.",
        "log(1 + exp(z)) is log(exp(0) + exp(z)): `torch.logaddexp` takes such a logarithm of a "
        "sum, and no exponential grows too large in it.",
    ],
)
def losses(answer: Answer) -> None:
    """The loss of a last batch of one."""
    z = torch.tensor([[0.7], [-1.3], [6.4], [-0.2]])
    y = torch.tensor([1.0, 1, 0, 0])
    cases = []
    for n, what in ((4, "the result for four reviews"), (1, "the result for a batch of one")):
        for logits, labels in ((z[:n], y[:n]), (z[-n:], y[-n:])):
            got = answer(logits, labels)
            t.refuse_shape_of_losses(numbers(got).shape, n)
            cases.append((what, got, (as_array(logits)[:, 0].astype(float), as_array(labels))))
    compare_cases(cases, t.loss, t.LOSSES)
    big = torch.tensor([[300.0], [-300.0], [150.0], [-500.0]])
    got = answer(big, torch.tensor([1.0, 0, 0, 1]))
    large = "Logits of 300 give NaN or infinity: an exponential grew too large, or log met 0."
    refuse_if(not np.isfinite(numbers(got)).all(), large)
    compare(got, np.array([0.0, 0, 150, 500]), what="the result for logits of 300")
    start = torch.tensor([[0.3], [-2.0], [0.0], [300.0], [-300.0]], requires_grad=True)
    labels = torch.tensor([1.0, 0, 1, 0, 0])
    slope = t.refuse_lost_gradient("losses", answer(start, labels), start)
    want = start.detach().sigmoid() - labels[:, None]
    compare(slope, want.numpy(), what="the gradient that comes back")


@exercise(
    difficulty=2,
    minutes=10,
    hints=[
        "Bring each row to its final form first: cut it, and replace an empty one. Count after.",
        "The last `longest` words of a row are `row[-longest:]`.",
        "T is the largest of the lengths. Fill each row up behind with T - length zeros.",
    ],
)
def batch_of(answer: Answer) -> None:
    """Rows of unlike lengths, one batch."""
    texts = [[4, 9, 2, 7, 3], [8], [5, 6, 5], [2, 8]]
    got = answer(texts, longest=4)
    got_ids, got_lengths = answer.parts(got, "ids", "lengths")
    part = "Numbers of words are whole numbers. Yours are not, and no table of vectors takes them."
    refuse_if(as_array(got[0]).dtype.kind == "f", part)
    cut = [row[-4:] for row in texts]
    want, lengths = t.padded(cut), np.array([4.0, 1, 3, 2])
    uncut = np.array([5.0, 1, 3, 2])
    refuse_if(
        got_ids.shape == (4, 5), "Rows that are too long stay as they are. Cut them to `longest`."
    )
    compare(
        got_ids,
        want,
        what="ids",
        slips={
            "Your padding stands in front. Asked is behind.": t.padded(cut, front=True),
            "You keep the beginning of a long row. Asked is its end.": t.padded(
                [row[:4] for row in texts]
            ),
        },
    )
    slips = {
        "Your lengths are those before the cut.": uncut,
        "Your lengths count the padding.": np.full(4, 4.0),
    }
    compare(got_lengths, lengths, what="lengths", slips=slips)
    _compare_edges(answer)


def _compare_edges(answer: Answer) -> None:
    """Compare batches of short rows, of rows without words, and of a single one."""
    short = [[3, 1], [7]]
    got_ids, got_lengths = answer.parts(answer(short, longest=6), "ids", "lengths")
    wide = "T is the longest of the rows in the batch. You pad to `longest`, air for nothing."
    refuse_if(got_ids.shape == (2, 6), wide)
    compare(got_ids, t.padded(short), what="the part `ids` of two short rows")
    compare(got_lengths, np.array([2.0, 1]), what="the part `lengths` of two short rows")
    empty: list[list[list[int]]] = [[[], [5, 2]], [[]]]
    for rows in empty:
        try_ids, try_lengths = answer.parts(answer(rows, longest=3), "ids", "lengths")
        read = [row or [1] for row in rows]
        nothing = "A text without words has length 0 in yours: a layer has nothing to read there."
        refuse_if(bool((try_lengths == 0).any()), nothing)
        compare(try_ids, t.padded(read), what="the part `ids` where a text has no words")
        want = np.array([float(len(row)) for row in read])
        compare(try_lengths, want, what="the part `lengths` where a text has no words")
    got_ids, _ = answer.parts(answer([[6, 4, 2]], longest=1), "ids", "lengths")
    compare(got_ids, np.array([[2.0]]), what="the part `ids` of one row cut to one word")


@exercise(
    difficulty=2,
    minutes=15,
    hints=[
        "Where are the words? `ids != 0`. Give each word the number of its step, and padding 0.",
        "The largest of these numbers in a row is the step of its last word: `.amax(1)`.",
        "Pick with `output[torch.arange(B), last]`, and put zeros where a row has no word at all: "
        "`torch.where`.",
    ],
)
def last_state(answer: Answer) -> None:
    """Where the words end, on either side."""
    with seeded(4):
        output = torch.randn(4, 5, 3)
    behind = torch.tensor([[4, 2, 1, 0, 0], [3, 0, 0, 0, 0], [5, 5, 1, 2, 7], [2, 9, 0, 0, 0]])
    front = behind.flip(1)
    mixed = torch.stack([behind[0], front[1], behind[2], torch.tensor([0, 3, 8, 0, 0])])
    cases = [
        ("the result for rows padded behind", behind),
        ("the result for rows padded in front", front),
        ("the result for rows padded on both sides", mixed),
    ]
    read = [(what, answer(output, ids), (as_array(output), as_array(ids))) for what, ids in cases]
    flat = numbers(read[0][1])
    refuse_if(flat.shape == (4, 4, 3), "You pick each row for each row: index both axes at once.")
    compare_cases(read, t.last_words, t.STATES)
    ids = torch.tensor([[0, 0, 0], [0, 7, 0], [0, 0, 0]])
    wild = output[:3, :3].clone()
    wild[:, 2] = wild[2] = torch.nan
    got = numbers(answer(wild, ids))
    none = "A row without words has no last one: zeros. Yours are what was said at the padding."
    refuse_if(got.shape == (3, 3) and bool(np.nan_to_num(got[0]).any()), none)
    times = (
        "A row of padding alone gives NaN in yours: NaN times 0 is NaN. Choose, do not multiply."
    )
    alone = got.shape == (3, 3) and np.isfinite(got[:2]).all() and np.isnan(got[2]).any()
    refuse_if(bool(alone), times)
    want = t.last_words(as_array(wild), as_array(ids))
    compare(got, want, what="the result where padding holds NaN")
    got = answer(output[:1, :1], behind[:1, :1])
    compare(got, as_array(output)[:1, 0], what="the result for one word alone")
    start = output.clone().requires_grad_()
    slope = t.refuse_lost_gradient("last_state", answer(start, mixed), start)
    want = np.zeros((4, 5, 3))
    want[np.arange(4), [np.flatnonzero(row)[-1] for row in as_array(mixed)]] = 1
    compare(slope, want, what="the gradient that comes back")


@exercise(
    difficulty=2,
    minutes=15,
    hints=[
        "For each class three counts: right ones, how many belong to it, how many were taken for "
        "it.",
        "F1 is the harmonic mean of precision and recall. Multiply out: twice the right ones, over "
        "the sum of the other two counts.",
        "Where that sum is 0 the class has F1 0, and takes part in the mean.",
    ],
)
def macro_f1(answer: Answer) -> None:
    """F1, each class alike."""
    truth = np.array([0, 0, 0, 0, 0, 1, 1, 2, 2, 2])
    guess = np.array([0, 0, 0, 1, 2, 1, 0, 2, 2, 0])
    cases = []
    for true, said, classes, what in (
        (truth, guess, 3, "the result for three classes"),
        (truth, guess, 5, "the result where two classes occur nowhere"),
        (truth, np.zeros_like(truth), 3, "the result where two classes are never guessed"),
        (np.array([1, 1]), np.array([2, 2]), 3, "the result where nothing is right"),
        (truth[:7], guess[:7], 3, "the result where a class is guessed and does not occur"),
    ):
        got = answer(true.copy(), said.copy(), classes)
        nan = (
            "A class that nobody guessed, or that does not occur, gives NaN in yours. Its F1 is 0."
        )
        refuse_if(bool(np.isnan(numbers(got)).any()), nan)
        refuse_if(numbers(got).size != 1, "You give a number for each class. Asked is their mean.")
        cases.append((what, got, (true, said, classes)))
    compare_cases(
        cases,
        t.mean_f1,
        {
            "This is micro F1, which is the accuracy.": lambda x, y, k: np.mean(x == y),
            "You leave out the classes that occur nowhere. Asked are all.": t.present_f1,
            "You weigh the classes by how frequent they are. Each counts alike.": t.weighted_f1,
            "You average precision and recall first, and make F1 of the means.": t.f1_of_means,
            "This is the mean precision.": lambda x, y, k: t.mean_share(y, x, k),
            "This is the mean recall.": lambda x, y, k: t.mean_share(x, y, k),
            "You count as right what is rightly not of the class. F1 does not.": t.mean_accuracy,
        },
    )


@exercise(
    difficulty=3,
    minutes=15,
    hints=[
        "Cut `order` into pools first: pieces of `size * pool` reviews. Only then sort.",
        "`sorted(piece, key=lambda i: lengths[i])` sorts review numbers by length, and keeps the "
        "order of those that are equally long.",
        "Cut each sorted pool into pieces of `size`; the last of a pool may be smaller.",
    ],
)
def buckets(answer: Answer) -> None:
    """Batches of like length."""
    lengths = [7, 3, 9, 3, 5, 8, 2, 6, 3, 4, 1]
    order = [4, 0, 8, 3, 9, 1, 5, 2, 7, 6, 10]
    for size, pool in ((2, 2), (3, 2), (2, 20), (2, 1), (4, 1)):
        got = answer(list(lengths), list(order), size=size, pool=pool)
        made = _batches(got)
        want = t.bucketed(lengths, order, size, size * pool)
        if made == want:
            continue
        flat = sorted(i for batch in made for i in batch)
        case = f"with size={size} and pool={pool}"
        refuse_if(len(flat) < len(order), f"You lose reviews {case}: a last batch may be small.")
        refuse_if(flat != sorted(order), f"Each review stands in one batch. Not so {case}.")
        slips = {
            "You sort all reviews, not each pool.": t.bucketed(lengths, order, size, 10**6),
            "Nothing is sorted in yours.": t.bucketed([0] * 11, order, size, size * pool),
            "A pool holds `pool` batches. Yours holds `pool` reviews.": t.bucketed(
                lengths, order, size, pool
            ),
            "Your pools are not cut from `order`, but from the reviews as they stand.": t.bucketed(
                lengths, range(11), size, size * pool
            ),
            "You sort by the reviews' numbers. Sort by their lengths.": t.bucketed(
                range(11), order, size, size * pool
            ),
            "You sort the longest first. Asked is the shortest.": t.bucketed(
                [-n for n in lengths], order, size, size * pool
            ),
        }
        for message, slip in slips.items():
            refuse_if(made == slip and slip != want, message)
        ties = [sorted((lengths[i], i) for i in batch) for batch in want]
        tied = [sorted((lengths[i], i) for i in batch) for batch in made]
        unstable = "Reviews of one length keep the order that they have in `order`."
        heights = [[n for n, _ in batch] for batch in ties]
        refuse_if([[n for n, _ in batch] for batch in tied] == heights, unstable)
        refuse(f"Your batches {case} are not the sorted pools, cut.")


def _batches(got: Any) -> list[list[int]]:
    """Read batches of review numbers, or say what they are instead."""
    try:
        return [[int(i) for i in batch] for batch in got]
    except FAULTS:
        refuse("Asked is a list of batches, each a list of review numbers.")


@exercise(
    difficulty=3,
    minutes=20,
    hints=[
        "Remember `model.training` before you call `eval()`, and set it back at the end.",
        "Add up the losses of single reviews and the right verdicts, and count reviews. Divide at "
        "the end, once.",
        "`bce(logits, labels)` is a mean over the batch: times `len(labels)` it is the sum. All of "
        "it inside of `torch.no_grad()`.",
    ],
)
def evaluate(answer: Answer) -> None:
    """Loss and accuracy that can be trusted."""
    for training in (True, False):
        model = t.Probe().train(training)
        got = answer(model, t.once(t.batches()))
        loss, accuracy = answer.parts(got, "loss", "accuracy")
        trained = "Your model is in training mode while it is measured: dropout changes it."
        refuse_if(any(mode for mode, _ in model.modes), trained)
        slow = "You compute gradients that nobody needs: `with torch.no_grad():`."
        refuse_if(any(grad for _, grad in model.modes), slow)
        refuse_if(not model.modes, "Your function never asks the model.")
        was = "training" if training else "evaluation"
        left = f"The model came in {was} mode, and you leave it in the other."
        modes = {module.training for module in model.modules()}
        refuse_if(model.training is not training, left)
        refuse_if(modes != {training}, "You leave parts of the model in another mode than it has.")
        frozen = "You switch the gradients of the model's weights off, and it learns no more."
        refuse_if(not model.table.requires_grad, frozen)
        _compare_marks(loss, accuracy, t.judged(model))


def _compare_marks(loss: t.Array, accuracy: t.Array, found: list[t.Judged]) -> None:
    """Compare loss and accuracy with the means over reviews, and with what slips make of them."""
    losses, hits, z = (np.concatenate(part) for part in zip(*found, strict=True))
    y = np.concatenate([as_array(batch[2]) for batch in t.batches()])
    compare(
        loss,
        losses.mean(),
        what="the loss",
        slips={
            "You average the losses of batches. The last holds one review.": np.mean(
                [each[0].mean() for each in found]
            ),
            "This is the loss of the last batch.": losses[-1],
            "You add the losses up. Asked is their mean.": losses.sum(),
        },
    )
    compare(
        accuracy,
        hits.mean(),
        what="the accuracy",
        slips={
            "You average the accuracies of batches. The last holds one review.": np.mean(
                [each[1].mean() for each in found]
            ),
            "This is the accuracy of the last batch.": float(hits[-1]),
            "You count the right ones. Asked is their share.": hits.sum(),
            "The threshold of a logit is 0, not a half.": np.mean((z > 0.5) == (y > 0)),
            "A logit of 0 is no praise: praise is above 0.": np.mean((z >= 0) == (y > 0)),
            "This is the share of wrong verdicts.": 1 - hits.mean(),
        },
    )


@exercise(
    difficulty=4,
    minutes=40,
    hints=[
        "Three things have to be kept: what the model has learned, what the optimizer remembers, "
        "and where chance stands. `state_dict()` gives the first two, `torch.get_rng_state()` the "
        "third.",
        "What `state_dict()` gives are the tensors themselves, which training goes on to change. "
        "Keep a copy: `copy.deepcopy`. And load from a copy.",
        "Put all three back before the first batch, and take chance when the last is done.",
    ],
)
def go_on(answer: Answer) -> None:
    """Stop, and go on with the same numbers."""
    kinds: Any = (torch.optim.Adam, {"lr": 0.05}), (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9})
    for kind, options in kinds:
        reference = t.Probe()
        with seeded(6):
            t.trained(reference, kind([reference.table], **options), 5)
        straight = t.Probe().eval()
        with seeded(6):
            answer(straight, kind([straight.table], **options), t.batches(), None, epochs=5)
        _compare_straight(straight, reference)
        first = t.Probe()
        optimizer = kind([first.table], **options)
        with seeded(6):
            kept = answer(first, optimizer, t.batches(), None, epochs=2)
            with torch.no_grad():
                first.table.add_(7)  # whoever kept the tensor itself has this in it
            t.trained(first, optimizer, 1)
        kept = _through_a_file(kept)
        for _ in range(2):  # what was kept is good for a second try
            second = t.Probe(seed=5).eval()
            with seeded(77):
                answer(second, kind([second.table], **options), t.batches(), kept, epochs=3)
            _compare_resumed(second, reference, kind, options)


def _compare_straight(model: t.Probe, reference: t.Probe) -> None:
    """Compare a training without a stop, and say what is wrong with it."""
    got, want = t.table_of(model), t.table_of(reference)
    refuse_if(np.allclose(got, t.table_of(t.Probe())), "Without `kept` your model learns nothing.")
    still = "You train in evaluation mode, without dropout: call `model.train()`."
    refuse_if(not any(mode for mode, _ in model.modes), still)
    count = len(model.modes)
    asked = 5 * len(t.batches())
    refuse_if(
        count != asked,
        f"Five epochs of three batches are {asked} calls of the model. Yours are {count}.",
    )
    what = "what is learned in five epochs without a stop"
    compare(got, want, what=what)


def _compare_resumed(model: t.Probe, reference: t.Probe, kind: Any, options: Any) -> None:
    """Compare a training that went on, and say what was not kept."""
    want = t.table_of(reference)
    slips = {}
    for lost in ("the weights", "the optimizer's memory", "the state of chance"):
        partly, rest = t.Probe(), t.Probe(seed=5)
        optimizer, fresh = kind([partly.table], **options), kind([rest.table], **options)
        with seeded(6):
            t.trained(partly, optimizer, 2)
            chance = torch.get_rng_state()
        if lost != "the weights":
            rest.load_state_dict(partly.state_dict())
        if lost != "the optimizer's memory":
            fresh.load_state_dict(optimizer.state_dict())
        with seeded(77):
            if lost != "the state of chance":
                torch.set_rng_state(chance)
            t.trained(rest, fresh, 3)
        slips[f"You go on without {lost}."] = t.table_of(rest)
    what = "what is learned in two epochs, a stop, and three more,"
    compare(t.table_of(model), want, what=f"the result: {what}"[12:], slips=slips)


def _through_a_file(kept: Any) -> Any:
    """Write and read what was kept, as text and tensors only."""
    buffer = io.BytesIO()
    try:
        torch.save(kept, buffer)
        buffer.seek(0)
        return torch.load(buffer, weights_only=True)
    except FAULTS as fault:
        refuse(
            f"What you keep cannot be written and read as weights only ({type(fault).__name__}): "
            "tensors, numbers and texts in dictionaries and lists can."
        )
