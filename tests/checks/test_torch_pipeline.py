"""Answers to the exercises on a PyTorch pipeline: right ones, and some one small slip away."""

from __future__ import annotations

import copy

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.nn.functional import logsigmoid, softplus
from torch.nn.utils.rnn import pad_sequence

from tests.checks._both_ways import Answers

answers = Answers("torch_pipeline")
right, wrong, equal = answers.right, answers.wrong, answers.equal


# 1


@right("losses")
def by_torch(logits, labels):
    return bce(logits.squeeze(1), labels, reduction="none")


@right("losses")
def by_logsigmoid(logits, labels):
    z = logits[..., 0]
    return -(labels * logsigmoid(z) + (1 - labels) * logsigmoid(-z))


@right("losses")
def by_softplus(logits, labels):
    return softplus(torch.where(labels == 1, -1, 1) * logits.flatten())


equal(
    "losses",
    "logits.squeeze(1) -> logits.squeeze()",
    "a scalar logit meets a label of shape (1,), and the product has shape (1,) again",
)


equal(
    "losses",
    "torch.logaddexp(torch.zeros_like(z), z) -> torch.logaddexp(z, torch.zeros_like(z))",
    "the sum has no order",
)


@wrong("losses", "The gradient that comes back")
def a_part_detached(logits, labels):
    z = logits[:, 0]
    return z.clamp(min=0) - z * labels + torch.log1p(torch.exp(-z.abs())).detach()


@right("losses")
def in_large_numbers(logits, labels):
    z = logits[:, 0].double() * (1 - 2 * labels)
    return torch.log(1 + torch.exp(z))


@wrong("losses", "is NaN. Where `torch.where`")
def branch_not_chosen(logits, labels):
    z = logits[:, 0]
    return torch.where(z > 50, z, torch.log(1 + torch.exp(z))) - z * labels


@wrong("losses", "have a corner there")
def two_corners(logits, labels):
    z = logits[:, 0]
    return torch.relu(z) - z * labels + torch.log1p(torch.exp(-z.abs()))


@wrong("losses", "Yours stops growing")
def bounded(logits, labels):
    return by_torch(logits.clamp(-500, 500), labels)


@wrong("losses", "your losses have shape ()")
def all_axes_squeezed(logits, labels):
    z = logits.squeeze()
    return softplus(z) - z * labels.squeeze()


@wrong("losses", "each logit with each label")
def broadcast(logits, labels):
    return softplus(logits) - logits * labels


@wrong("losses", "Asked is a loss a review")
def averaged(logits, labels):
    return by_torch(logits, labels).mean()


@wrong("losses", "shape (4, 1)")
def with_the_axis(logits, labels):
    return by_torch(logits, labels)[:, None]


@wrong("losses", "wrong way round")
def labels_turned(logits, labels):
    return by_torch(logits, 1 - labels)


@wrong("losses", "label 0 cost nothing")
def praise_only(logits, labels):
    return -labels * logsigmoid(logits[:, 0])


@wrong("losses", "label 1 cost nothing")
def blame_only(logits, labels):
    return -(1 - labels) * logsigmoid(-logits[:, 0])


@wrong("losses", "sigmoid twice")
def sigmoid_before_the_loss(logits, labels):
    return bce(logits[:, 0].sigmoid(), labels, reduction="none")


@wrong("losses", "You square")
def squared(logits, labels):
    return (logits[:, 0].sigmoid() - labels) ** 2


@wrong("losses", "Logits of 300")
def as_the_formula_stands(logits, labels):
    p = logits[:, 0].sigmoid()
    return -torch.where(labels == 1, p, 1 - p).log()


@wrong("losses", "wrong in 1 of 4 entries")
def small_terms_forgotten(logits, labels):
    return softplus(logits[:, 0], threshold=5) - logits[:, 0] * labels


@wrong("losses", "No gradient comes back")
def detached(logits, labels):
    return by_torch(logits.detach(), labels)


# 2


@right("batch_of")
def by_pad_sequence(rows, *, longest):
    tensors = [torch.tensor(row[-longest:] if row else [1]) for row in rows]
    return pad_sequence(tensors, batch_first=True), [len(row) for row in tensors]


@right("batch_of")
def by_an_array_of_zeros(rows, *, longest):
    lengths = np.maximum([min(len(row), longest) for row in rows], 1)
    ids = np.zeros((len(rows), max(lengths)), dtype=int)
    for i, row in enumerate(rows):
        ids[i, : lengths[i]] = row[-longest:] or 1
    return ids, lengths


def packed(rows, longest, *, width=None, front=False):
    lengths = [len(row) for row in rows]
    width = width or max(lengths)
    filled = []
    for row in rows:
        air = [0] * (width - len(row))
        filled.append(air + row if front else row + air)
    return filled, lengths


@wrong("batch_of", "padding stands in front")
def padded_in_front(rows, *, longest):
    return packed([row[-longest:] or [1] for row in rows], longest, front=True)


@wrong("batch_of", "rows that are alike")
def place_by_value(rows, *, longest):
    rows = [row[-longest:] or [1] for row in rows]
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=int)
    for row in rows:
        ids[rows.index(row), : len(row)] = row
    return ids, [len(row) for row in rows]


@wrong("batch_of", "beginning of a long row")
def beginning_kept(rows, *, longest):
    return packed([row[:longest] or [1] for row in rows], longest)


@wrong("batch_of", "stay as they are")
def never_cut(rows, *, longest):
    return packed([row or [1] for row in rows], longest)


@wrong("batch_of", "whole numbers")
def with_a_point(rows, *, longest):
    ids, lengths = by_pad_sequence(rows, longest=longest)
    return ids.float(), lengths


@wrong("batch_of", "before the cut")
def counted_too_early(rows, *, longest):
    ids, _ = by_pad_sequence(rows, longest=longest)
    return ids, [len(row) or 1 for row in rows]


@wrong("batch_of", "count the padding")
def counted_too_late(rows, *, longest):
    ids, _ = by_pad_sequence(rows, longest=longest)
    return ids, [len(row) for row in ids]


@wrong("batch_of", "air for nothing")
def always_longest(rows, *, longest):
    return packed([row[-longest:] or [1] for row in rows], longest, width=longest)


@wrong("batch_of", "has length 0")
def nothing_to_read(rows, *, longest):
    ids, lengths = by_pad_sequence(rows, longest=longest)
    return ids, [n if row else 0 for n, row in zip(lengths, rows, strict=True)]


@wrong("batch_of", "where a text has no words")
def empty_as_padding(rows, *, longest):
    return packed([row[-longest:] or [0] for row in rows], longest)


@wrong("batch_of", "has 2 results")
def ids_alone(rows, *, longest):
    return by_pad_sequence(rows, longest=longest)[0]


# 3


@right("last_state")
def row_by_row(output, ids):
    picked = []
    for states, row in zip(output, ids, strict=True):
        words = row.nonzero()
        picked.append(states[words[-1, 0]] if len(words) else torch.zeros_like(states[0]))
    return torch.stack(picked)


@right("last_state")
def by_gather(output, ids):
    B, T = ids.shape
    last = T - 1 - (ids != 0).flip(1).int().argmax(1)
    states = output.gather(1, last[:, None, None].expand(B, 1, output.shape[2]))[:, 0]
    return torch.where((ids != 0).any(1)[:, None], states, torch.zeros(()))


@wrong("last_state", "Number 1 is a word")
def one_taken_for_padding(output, ids):
    return torch.stack([out[row > 1][-1] for out, row in zip(output, ids, strict=True)])


@wrong("last_state", "stopped with RuntimeError")
def always_three_numbers(output, ids):
    picked = [out[row != 0] for out, row in zip(output, ids, strict=True)]
    return torch.stack([words[-1] if len(words) else torch.zeros(3) for words in picked])


@wrong("last_state", "comes through beside a word")
def by_a_product(output, ids):
    chosen = torch.nn.functional.one_hot(last_of(ids).clamp(min=0), ids.shape[1])
    return (output * (chosen * (ids != 0))[:, :, None]).sum(1)


@wrong("last_state", "comes through in a row of padding alone")
def wordless_rows_times_zero(output, ids):
    last = ((ids != 0) * torch.arange(ids.shape[1])).amax(1)
    return output[torch.arange(len(ids)), last] * (ids != 0).any(1, keepdim=True)


@wrong("last_state", "the last step, word or padding")
def the_end(output, ids):
    return output[:, -1]


@wrong("last_state", "so far from the left")
def counted_from_the_left(output, ids):
    return output[torch.arange(len(ids)), (ids != 0).sum(1) - 1]


@wrong("last_state", "the first word")
def first(output, ids):
    return output[torch.arange(len(ids)), (ids != 0).int().argmax(1)]


def last_of(ids):
    return ((ids != 0) * torch.arange(1, ids.shape[1] + 1)).amax(1) - 1


@wrong("last_state", "step after the last word")
def one_too_far(output, ids):
    return output[torch.arange(len(ids)), (last_of(ids) + 1) % ids.shape[1]]


@wrong("last_state", "step before the last word")
def one_too_few(output, ids):
    return output[torch.arange(len(ids)), last_of(ids) - 1]


@wrong("last_state", "You average")
def averaged_over_words(output, ids):
    words = (ids != 0)[:, :, None]
    return (output * words).sum(1) / words.sum(1)


@wrong("last_state", "has no last one")
def no_word_no_care(output, ids):
    return output[torch.arange(len(ids)), last_of(ids).clamp(min=0)]


@wrong("last_state", "for each row")
def one_axis_at_a_time(output, ids):
    return output[:, last_of(ids)]


@wrong("last_state", "No gradient comes back")
def without_a_gradient(output, ids):
    return row_by_row(output.detach(), ids)


# 4


@right("macro_f1")
def by_scikit_learn(truth, guess, classes):
    labels = range(classes)
    return f1_score(truth, guess, labels=labels, average="macro", zero_division=0)


@right("macro_f1")
def from_a_matrix(truth, guess, classes):
    matrix = np.zeros((classes, classes))
    np.add.at(matrix, (truth, guess), 1)
    both = matrix.sum(0) + matrix.sum(1)
    return (2 * np.diag(matrix) / np.maximum(both, 1)).mean()


equal(
    "macro_f1",
    "def macro_f1(truth, guess, classes): -> def macro_f1(guess, truth, classes):",
    "F1 is the same whichever of the two is called the truth",
)


def by_class(truth, guess, classes):
    for k in range(classes):
        yield np.sum((truth == k) & (guess == k)), np.sum(truth == k), np.sum(guess == k)


@wrong("macro_f1", "micro F1")
def micro(truth, guess, classes):
    return f1_score(truth, guess, average="micro")


@wrong("macro_f1", "leave out the classes")
def present_classes_only(truth, guess, classes):
    return f1_score(truth, guess, average="macro", zero_division=0)


@wrong("macro_f1", "how frequent they are")
def weighted(truth, guess, classes):
    return f1_score(truth, guess, average="weighted", zero_division=0)


@wrong("macro_f1", "F1 of the means")
def of_means(truth, guess, classes):
    counts = list(by_class(truth, guess, classes))
    precision = np.mean([hits / max(said, 1) for hits, _, said in counts])
    recall = np.mean([hits / max(true, 1) for hits, true, _ in counts])
    return 2 * precision * recall / max(precision + recall, 1e-9)


@wrong("macro_f1", "the mean precision")
def precision(truth, guess, classes):
    return np.mean([hits / max(said, 1) for hits, _, said in by_class(truth, guess, classes)])


@wrong("macro_f1", "the mean recall")
def recall(truth, guess, classes):
    return np.mean([hits / max(true, 1) for hits, true, _ in by_class(truth, guess, classes)])


@wrong("macro_f1", "gives NaN")
def nothing_by_nothing(truth, guess, classes):
    return np.mean([2 * h / (t + s) for h, t, s in by_class(truth, guess, classes)])


@wrong("macro_f1", "rightly not of the class")
def accuracies(truth, guess, classes):
    return np.mean([np.mean((truth == k) == (guess == k)) for k in range(classes)])


@wrong("macro_f1", "a number for each class")
def not_averaged(truth, guess, classes):
    return [2 * h / max(t + s, 1) for h, t, s in by_class(truth, guess, classes)]


# 5


@right("buckets")
def by_argsort(lengths, order, *, size, pool):
    batches = []
    for rows in torch.tensor(order).split(size * pool):
        rows = rows[torch.tensor(lengths)[rows].argsort(stable=True)]
        batches += [batch.tolist() for batch in rows.split(size)]
    return batches


@right("buckets")
def one_after_another(lengths, order, *, size, pool):
    starts = range(0, len(order), size * pool)
    pools = [np.array(order[i : i + size * pool]) for i in starts]
    pools = [rows[np.argsort(np.array(lengths)[rows], kind="stable")] for rows in pools]
    return [rows[i : i + size] for rows in pools for i in range(0, len(rows), size)]


def cut_into(rows, size):
    return [rows[i : i + size] for i in range(0, len(rows), size)]


@wrong("buckets", "You sort all reviews")
def sorted_as_a_whole(lengths, order, *, size, pool):
    return cut_into(sorted(order, key=lambda i: lengths[i]), size)


@wrong("buckets", "Nothing is sorted")
def unsorted(lengths, order, *, size, pool):
    return [batch for rows in cut_into(order, size * pool) for batch in cut_into(rows, size)]


@wrong("buckets", "You lose reviews")
def last_dropped(lengths, order, *, size, pool):
    made = by_argsort(lengths, order, size=size, pool=pool)
    return [batch for batch in made if len(batch) == size]


@wrong("buckets", "pool` reviews")
def pools_of_reviews(lengths, order, *, size, pool):
    pools = [sorted(rows, key=lambda i: lengths[i]) for rows in cut_into(order, pool)]
    return [batch for rows in pools for batch in cut_into(rows, size)]


@wrong("buckets", "not cut from `order`")
def order_ignored(lengths, order, *, size, pool):
    return by_argsort(lengths, sorted(order), size=size, pool=pool)


@wrong("buckets", "reviews' numbers")
def sorted_by_number(lengths, order, *, size, pool):
    return by_argsort(list(range(len(lengths))), order, size=size, pool=pool)


@wrong("buckets", "longest first")
def longest_first(lengths, order, *, size, pool):
    return by_argsort([-n for n in lengths], order, size=size, pool=pool)


@wrong("buckets", "keep the order")
def ties_by_number(lengths, order, *, size, pool, sign=-1):
    pools = cut_into(order, size * pool)
    pools = [sorted(rows, key=lambda i: (lengths[i], sign * i)) for rows in pools]
    return [batch for rows in pools for batch in cut_into(rows, size)]


@wrong("buckets", "Yours holds one")
def pools_of_one_batch(lengths, order, *, size, pool):
    return pools_of_reviews(lengths, order, size=size, pool=size)


@wrong("buckets", "is empty")
def one_pool_too_many(lengths, order, *, size, pool):
    made = by_argsort(lengths, order, size=size, pool=pool)
    return made + [[]] * (len(order) % (size * pool) == 0)


@wrong("buckets", "can be read a single time")
def as_a_generator(lengths, order, *, size, pool):
    yield from by_argsort(lengths, order, size=size, pool=pool)


@wrong("buckets", "Review numbers are whole numbers")
def with_points(lengths, order, *, size, pool):
    made = by_argsort(lengths, order, size=size, pool=pool)
    return [[float(i) for i in batch] for batch in made]


@wrong("buckets", "a list of batches")
def one_flat_list(lengths, order, *, size, pool):
    return [i for batch in by_argsort(lengths, order, size=size, pool=pool) for i in batch]


# 6


@right("evaluate")
def gathered(model, batches):
    mode = model.training
    model.train(False)
    with torch.inference_mode():
        pairs = [(model(ids, lengths), labels) for ids, lengths, labels in batches]
    model.train(mode)
    logits, labels = (torch.cat(part) for part in zip(*pairs, strict=True))
    return bce(logits, labels), ((logits > 0) == labels.bool()).float().mean()


@right("evaluate")
def summed(model, batches):
    mode, found = model.training, []
    model.eval()
    for ids, lengths, labels in batches:
        with torch.no_grad():
            z = model(ids, lengths)
        hits = (z.sigmoid() > 0.5).float() == labels
        found += list(zip(bce(z, labels, reduction="none").tolist(), hits.tolist(), strict=True))
    if mode:
        model.train()
    return np.mean(found, axis=0).tolist()


@right("evaluate")
def on_a_copy(model, batches):
    return summed(copy.deepcopy(model), batches)


@right("evaluate")
def weights_held_still(model, batches):
    mode = model.training
    model.eval().requires_grad_(False)
    pairs = [(model(ids, lengths), labels) for ids, lengths, labels in batches]
    model.train(mode).requires_grad_(True)
    z, y = map(torch.cat, zip(*pairs, strict=True))
    return bce(z, y), np.mean((z > 0).numpy() == y.numpy())


def evaluation(model, batches, *, mean=None, threshold=0.0, training=False, after=None):
    mode = model.training
    model.train(training)
    with torch.no_grad():
        pairs = [(model(ids, lengths), labels) for ids, lengths, labels in batches]
    model.train(mode if after is None else after)
    hits = [((z > threshold) == (y > 0)).float() for z, y in pairs]
    losses = [bce(z, y, reduction="none") for z, y in pairs]
    if mean is None:
        return torch.cat(losses).mean(), torch.cat(hits).mean()
    return mean(losses), mean(hits)


@wrong("evaluate", "parts of the model in another mode")
def restored_at_the_top_only(model, batches):
    was = model.training
    found = summed(model.eval(), batches)
    model.training = was
    return found


@wrong("evaluate", "leaves gradients switched off")
def gradients_off_for_all(model, batches):
    torch.set_grad_enabled(False)
    return summed(model, batches)


@wrong("evaluate", "of another kind")
def doubled_for_good(model, batches):
    pairs = ((ids, lengths, labels.double()) for ids, lengths, labels in batches)
    return summed(model.double(), pairs)


def judging(right):
    """Judge a logit z with its label y by another rule."""

    def answer(model, batches):
        batches = list(batches)
        loss, _ = evaluation(model, batches)
        with torch.no_grad():
            pairs = [(copy.deepcopy(model).eval()(*batch[:2]), batch[2]) for batch in batches]
        return loss, torch.cat([right(z, y).float() for z, y in pairs]).mean()

    return answer


@wrong("evaluate", "its `sign` is -1")
def signs_for_labels(*args):
    return judging(lambda z, y: torch.sign(z) == y)(*args)


@wrong("evaluate", "never right in yours. It says 0")
def zero_never_right(*args):
    return judging(lambda z, y: z * (2 * y - 1) > 0)(*args)


@wrong("evaluate", "always right in yours")
def zero_always_right(*args):
    return judging(lambda z, y: z * (2 * y - 1) >= 0)(*args)


@wrong("evaluate", "the loss comes first")
def accuracy_first(model, batches):
    return evaluation(model, batches)[::-1]


@wrong("evaluate", "it learns no more")
def gradients_switched_off(model, batches):
    model.requires_grad_(False)
    return summed(model, batches)


@wrong("evaluate", "You average the losses of batches")
def mean_of_means(model, batches):
    return evaluation(model, batches, mean=lambda parts: np.mean([p.mean() for p in parts]))


@wrong("evaluate", "You average the accuracies of batches")
def mean_of_accuracies(model, batches):
    batches = list(batches)
    loss, _ = evaluation(model, batches)
    return loss, mean_of_means(model, batches)[1]


@wrong("evaluate", "loss of the last batch")
def last_batch(model, batches):
    return evaluation(model, batches, mean=lambda parts: parts[-1].mean())


@wrong("evaluate", "in training mode while")
def dropout_left_on(model, batches):
    return evaluation(model, batches, training=True)


@wrong("evaluate", "leave it in the other")
def left_in_evaluation(model, batches):
    return evaluation(model, batches, after=False)


@wrong("evaluate", "The model came in evaluation mode")
def put_into_training(model, batches):
    return evaluation(model, batches, after=True)


@wrong("evaluate", "not a half")
def threshold_of_a_probability(model, batches):
    return evaluation(model, batches, threshold=0.5)


@wrong("evaluate", "no praise")
def zero_is_praise(model, batches):
    return evaluation(model, batches, threshold=-1e-12)


@wrong("evaluate", "gradients that nobody needs")
def with_gradients(model, batches):
    mode = model.training
    model.eval()
    pairs = [(model(ids, lengths).detach(), labels) for ids, lengths, labels in batches]
    model.train(mode)
    logits, labels = map(torch.cat, zip(*pairs, strict=True))
    return bce(logits, labels), ((logits > 0) == (labels > 0)).float().mean()


@wrong("evaluate", "Your `evaluate` stopped with")
def twice_through(model, batches):
    loss, _ = evaluation(model, batches)
    return loss, evaluation(model, batches)[1]


@wrong("evaluate", "wrong verdicts")
def share_of_errors(model, batches):
    loss, accuracy = evaluation(model, batches)
    return loss, 1 - accuracy


# 7


def steps(model, optimizer, batches, epochs):
    model.train()
    for _ in range(epochs):
        for ids, lengths, labels in batches:
            optimizer.zero_grad()
            bce(model(ids, lengths), labels).backward()
            optimizer.step()


def parts_of(model, optimizer):
    chance = torch.get_rng_state()
    return copy.deepcopy([model.state_dict(), optimizer.state_dict(), chance])


@right("go_on")
def in_a_list(model, optimizer, batches, kept, *, epochs):
    for put, part in zip(
        (model.load_state_dict, optimizer.load_state_dict, torch.set_rng_state),
        copy.deepcopy(kept or []),
        strict=False,
    ):
        put(part)
    steps(model, optimizer, batches, epochs)
    return parts_of(model, optimizer)


@right("go_on")
def by_hand(model, optimizer, batches, kept, *, epochs):
    if kept:
        with torch.no_grad():
            for weight, value in zip(model.parameters(), kept["weights"], strict=True):
                weight.copy_(value)
        optimizer.load_state_dict(copy.deepcopy(kept["optimizer"]))
        torch.set_rng_state(kept["chance"])
    model.train()
    for _ in range(epochs):
        for ids, lengths, labels in batches:
            loss = bce(model(ids, lengths), labels)
            model.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    return {
        "weights": [weight.detach().clone() for weight in model.parameters()],
        "optimizer": copy.deepcopy(optimizer.state_dict()),
        "chance": torch.get_rng_state(),
    }


def forgetful(number):
    def answer(model, optimizer, batches, kept, *, epochs):
        for i, put in enumerate(
            (model.load_state_dict, optimizer.load_state_dict, torch.set_rng_state)
        ):
            if kept and i != number:
                put(copy.deepcopy(kept[i]))
        steps(model, optimizer, batches, epochs)
        return parts_of(model, optimizer)

    return answer


@wrong("go_on", "without the weights")
def weights_forgotten(*args, **kwargs):
    return forgetful(0)(*args, **kwargs)


@wrong("go_on", "without the optimizer's memory")
def optimizer_forgotten(*args, **kwargs):
    return forgetful(1)(*args, **kwargs)


@wrong("go_on", "without the state of chance")
def chance_forgotten(*args, **kwargs):
    return forgetful(2)(*args, **kwargs)


@wrong("go_on", "it returns what it was given")
def kept_handed_on(model, optimizer, batches, kept, *, epochs):
    reached = in_a_list(model, optimizer, batches, kept, epochs=epochs)
    return reached if kept is None else kept


@wrong("go_on", "5 epochs of 4 batches")
def always_three_batches(model, optimizer, batches, kept, *, epochs):
    return in_a_list(model, optimizer, batches[:3], kept, epochs=epochs)


@wrong("go_on", "a stop, and one more is wrong")
def chance_of_the_first_time(model, optimizer, batches, kept, *, epochs):
    *parts, chance = in_a_list(model, optimizer, batches, kept, epochs=epochs)
    return [*parts, kept[2] if kept else chance]


@wrong("go_on", "Return copies")
def nothing_copied_out(model, optimizer, batches, kept, *, epochs):
    in_a_list(model, optimizer, batches, kept, epochs=epochs)
    return [model.state_dict(), optimizer.state_dict(), torch.get_rng_state()]


@wrong("go_on", "changed its argument `kept`")
def loaded_without_a_copy(model, optimizer, batches, kept, *, epochs):
    if kept:
        model.load_state_dict(kept[0])
        optimizer.load_state_dict(kept[1])
        torch.set_rng_state(kept[2])
    steps(model, optimizer, batches, epochs)
    return parts_of(model, optimizer)


@wrong("go_on", "in evaluation mode")
def trained_in_evaluation_mode(model, optimizer, batches, kept, *, epochs):
    for _ in range(epochs):
        for ids, lengths, labels in batches:
            optimizer.zero_grad()
            bce(model(ids, lengths), labels).backward()
            optimizer.step()
    return parts_of(model, optimizer)


@wrong("go_on", "cannot be written and read")
def the_model_itself(model, optimizer, batches, kept, *, epochs):
    steps(model, optimizer, batches, epochs)
    return {"model": model, "optimizer": optimizer.state_dict()}


@wrong("go_on", "five epochs without a stop")
def gradients_piled_up(model, optimizer, batches, kept, *, epochs):
    model.train()
    for _ in range(epochs):
        for ids, lengths, labels in batches:
            bce(model(ids, lengths), labels).backward()
            optimizer.step()
    return parts_of(model, optimizer)


@wrong("go_on", "5 epochs of 3 batches")
def one_epoch_more(model, optimizer, batches, kept, *, epochs):
    return in_a_list(model, optimizer, batches, kept, epochs=epochs + 1)


@wrong("go_on", "learns nothing")
def no_step(model, optimizer, batches, kept, *, epochs):
    return parts_of(model, optimizer)


TestAnswers = answers.tests()
