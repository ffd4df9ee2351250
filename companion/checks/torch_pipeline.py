"""Checks on a PyTorch pipeline: batches, last words, marks, evaluation, and going on."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

from companion.checks import _torch_pipeline as t
from companion.checks._compare import (
    FAULTS,
    close,
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
    big = torch.tensor([[300.0], [-300.0], [150.0], [-600.0]])
    got = answer(big, torch.tensor([1.0, 0, 0, 1]))
    large = "Logits of 300 give NaN or infinity: an exponential grew too large, or log met 0."
    refuse_if(not np.isfinite(numbers(got)).all(), large)
    bound = "A wrong logit of 600 costs 600. Yours stops growing before: no clamp, no small number."
    refuse_if(numbers(got).max() < 599, bound)
    compare(got, np.array([0.0, 0, 150, 600]), what="the result for logits of 300")
    start = torch.tensor([[0.3], [-2.0], [0.0], [300.0], [-300.0]], requires_grad=True)
    labels = torch.tensor([1.0, 0, 1, 0, 0])
    slope = t.refuse_lost_gradient("losses", answer(start, labels), start)
    want = as_array(start.sigmoid() - labels[:, None])
    corner = "At a logit of 0 your gradient is off: `relu`, `clamp` and `abs` have a corner there."
    only_there = np.where(as_array(start) == 0, as_array(slope), want)
    compare(slope, want, slips={corner: only_there}, what="the gradient that comes back")


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
    texts = [[4, 9, 2, 7, 3], [8], [5, 6, 5], [2, 8], [8]]
    got = answer(texts, longest=4)
    got_ids, got_lengths = answer.parts(got, "ids", "lengths")
    part = "Numbers of words are whole numbers. Yours are not, and no table of vectors takes them."
    refuse_if(as_array(got[0]).dtype.kind == "f", part)
    cut = [row[-4:] for row in texts]
    want, lengths = t.padded(cut), np.array([4.0, 1, 3, 2, 1])
    uncut, unlike = np.array([5.0, 1, 3, 2, 1]), want * [[1], [1], [1], [1], [0]]
    refuse_if(
        got_ids.shape == (5, 5), "Rows that are too long stay as they are. Cut them to `longest`."
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
            "Of two rows that are alike you fill the first alone. `index` finds no other.": unlike,
        },
    )
    slips = {
        "Your lengths are those before the cut.": uncut,
        "Your lengths count the padding.": np.full(5, 4.0),
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
    _compare_wordless(answer, output[:3, :3, :2])
    got = answer(output[:1, :1], behind[:1, :1])
    compare(got, as_array(output)[:1, 0], what="the result for one word alone")
    start = output.clone().requires_grad_()
    slope = t.refuse_lost_gradient("last_state", answer(start, mixed), start)
    want = np.zeros((4, 5, 3))
    want[np.arange(4), [np.flatnonzero(row)[-1] for row in as_array(mixed)]] = 1
    compare(slope, want, what="the gradient that comes back")


def _compare_wordless(answer: Answer, output: torch.Tensor) -> None:
    """Compare rows without words, and what stands at padding where it is NaN; H is 2."""
    ids = torch.tensor([[0, 0, 0], [0, 7, 0], [0, 0, 0]])
    want, got = t.last_words(as_array(output), as_array(ids)), numbers(answer(output, ids))
    none = "A row without words has no last one: it gets zeros."
    refuse_if(got.shape == want.shape and bool(got[[0, 2]].any()), none)
    compare(got, want, what="the result where rows have no words")
    wild = output.clone()
    wild[:, 2] = wild[2] = torch.nan
    got = numbers(answer(wild, ids))
    for row, where in ((1, "beside a word"), (slice(None), "in a row of padding alone")):
        times = (
            f"NaN at padding comes through {where}: NaN times 0 is NaN. Choose, do not multiply."
        )
        refuse_if(got.shape == want.shape and bool(np.isnan(got[row]).any()), times)
    compare(got, want, what="the result where padding holds NaN")


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
    order = [4, 0, 3, 8, 9, 1, 5, 2, 7, 6, 10]
    for size, pool in ((3, 2), (2, 2), (2, 20), (2, 1), (4, 1), (11, 1)):
        got = answer(list(lengths), list(order), size=size, pool=pool)
        made = _batches(got)
        want = t.bucketed(lengths, order, size, size * pool)
        if made == want:
            continue
        flat = sorted(i for batch in made for i in batch)
        case = f"with size={size} and pool={pool}"
        refuse_if(not all(made), f"One of your batches {case} is empty.")
        lost = f"You lose reviews {case}: a last batch may be small, and lengths may be equal."
        refuse_if(len(flat) < len(order), lost)
        refuse_if(flat != sorted(order), f"Each review stands in one batch. Not so {case}.")
        slips = {
            "You sort all reviews, not each pool.": t.bucketed(lengths, order, size, 10**6),
            "Nothing is sorted in yours.": t.bucketed([0] * 11, order, size, size * pool),
            "A pool holds `pool` batches. Yours holds `pool` reviews.": t.bucketed(
                lengths, order, size, pool
            ),
            "A pool holds `pool` batches. Yours holds one.": t.bucketed(lengths, order, size, size),
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
    again = "You return something that can be read a single time. Asked is a list."
    refuse_if(isinstance(got, Iterator), again)
    try:
        made = [[as_array(i) for i in batch] for batch in got]
        whole = all(i.dtype.kind in "iu" for batch in made for i in batch)
        read = [[int(i) for i in batch] for batch in made]
    except FAULTS:
        refuse("Asked is a list of batches, each a list of review numbers.")
    refuse_if(not whole, "Review numbers are whole numbers. Yours are not, and find no review.")
    return read


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
    cases = []
    for training in (True, False):
        model, batches = t.Probe().train(training), t.batches(turned=not training)
        got = answer(model, t.once(batches))
        loss, accuracy = answer.parts(got, "loss", "accuracy")
        t.refuse_traces(model, training)
        cases.append((loss, accuracy, (t.judged(model, batches),)))
    losses = [("the loss", loss, found) for loss, _, found in cases]
    compare_cases(losses, t.mean_loss, t.MEAN_LOSSES)
    shares = [("the accuracy", accuracy, found) for _, accuracy, found in cases]
    compare_cases(shares, t.share, t.SHARES)


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
    for count, make in (
        (3, partial(torch.optim.Adam, lr=0.05)),
        (4, partial(torch.optim.SGD, lr=0.1, momentum=0.9)),
    ):
        batches = (t.batches() * 2)[:count]
        got, *_ = _trained_by(answer, make, batches, None, epochs=5)
        compare(got, t.course(make, batches, 5), what="the result of five epochs without a stop")
        _, *kept = _trained_by(answer, make, batches, None, epochs=2)
        for _ in range(2):  # what was kept is good for a second try
            what = "the result of two epochs, a stop, and two more"
            want, slips = t.course(make, batches, 4), t.forgetful(make, batches)
            later = _compare_resumed(answer, make, batches, kept, 2, (what, want, slips))
        what = "the result of two epochs, a stop, two more, a stop, and one more"
        stale = (
            "Where your function goes on, it returns what it was given, and not what it reached."
        )
        want, slips = t.course(make, batches, 5), {stale: t.course(make, batches, 3)}
        _compare_resumed(answer, make, batches, later, 1, (what, want, slips))


def _trained_by(
    answer: Answer, make: t.Make, batches: list[t.Batch], kept: Any, epochs: int
) -> tuple[t.Array, Any, Any]:
    """Let a model be trained; return its weights, what is kept, and that after it was trained on.

    Without `kept` it begins at the start, otherwise elsewhere, and so does chance.
    """
    anew = kept is None
    model = t.Probe(seed=0 if anew else 5).eval()
    optimizer = make([model.table])
    with seeded(6 if anew else 77):
        kept = answer(model, optimizer, batches, kept, epochs=epochs)
        table, early, calls = t.table_of(model), _through_a_file(kept), len(model.notes)
        idle = anew and np.allclose(table, t.table_of(t.Probe()))
        refuse_if(idle, "Without `kept` your model learns nothing.")
        still = "You train in evaluation mode, without dropout: call `model.train()`."
        refuse_if(any(False in modes for modes, _ in model.notes), still)
        asked = epochs * len(batches)
        many = f"{epochs} epochs of {len(batches)} batches are {asked} calls of the model."
        refuse_if(anew and calls != asked, f"{many} Yours are {calls}.")
        with torch.no_grad():
            model.table.add_(7)  # whoever kept the tensor itself has this in it
        t.trained(model, optimizer, batches, 1)
    return table, early, _through_a_file(kept)


def _compare_resumed(
    answer: Answer,
    make: t.Make,
    batches: list[t.Batch],
    kept: list[Any],
    epochs: int,
    sought: tuple[str, t.Array, dict[str, t.Array]],
) -> list[Any]:
    """Compare a training that goes on from what was kept, say what is lost, and return the next."""
    what, want, slips = sought
    early, late = kept
    got, *again = _trained_by(answer, make, batches, late, epochs)
    if not close(got, want):
        copies = "What you return goes on changing while the old model is trained. Return copies."
        refuse_if(close(_trained_by(answer, make, batches, early, epochs)[0], want), copies)
    compare(got, want, what=what, slips=slips)
    return again


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
