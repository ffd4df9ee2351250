"""Word vectors: gradients by hand, training against a plain reference, files, bad input."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
import torch
from torch.nn.functional import logsigmoid

from companion.embeddings import (
    WordVectors,
    analogies_solved,
    cbow,
    cooccurrence,
    counting,
    glove,
    precision_at,
    predicting,
    purity,
    skip_gram,
)
from companion.embeddings._corpus import read
from tests._close import assert_close

METHODS = (skip_gram, cbow, glove)


def planted(lines=1500, seed=0):
    """Sentences of five kinds of words in a fixed order, six words of each kind."""
    rng = np.random.default_rng(seed)
    groups = {f"kind {k}": [f"{name}{k}" for name in "abcdef"] for k in range(5)}
    kinds = list(groups.values())
    texts = []
    for _ in range(lines):
        start = rng.integers(5)
        texts.append([str(rng.choice(kinds[(start + step) % 5])) for step in range(6)])
    return texts, groups


# Gradients


def random_block(R=3, K=9, D=7, seed=0):
    rng = np.random.default_rng(seed)
    ROW = predicting.ROW
    words, others = (torch.from_numpy(rng.normal(size=(R, n, D))) for n in (ROW, K))
    target = torch.from_numpy((rng.random((R, ROW, K)) < 0.2).astype(float))
    weight = torch.where(target > 0, target, torch.from_numpy(rng.random((R, ROW, K))))
    return words, others, target, weight


def test_gradients_by_hand_are_those_of_autograd():
    words, others, target, weight = random_block()
    words.requires_grad_()
    others.requires_grad_()
    s = words @ others.transpose(1, 2)
    loss = -(target * logsigmoid(s) + (weight - target) * logsigmoid(-s)).sum()
    loss.backward()
    found = predicting.gradients(words.detach(), others.detach(), target, weight)
    assert_close(found[0], words.grad)
    assert_close(found[1], others.grad)


class OneStep(predicting._Trainer):
    """A trainer that keeps what it would move, and moves nothing."""

    def move(self, ids, to_words, others, to_others, rate):
        self.kept = ids, to_words, others, to_others


@pytest.fixture
def trainer():
    def make(step):
        texts, _ = planted(60)
        settings = predicting._Settings(
            dim=8,
            window=3,
            epochs=1,
            seed=0,
            negatives=5,
            sample=0,
            power=0.75,
            rate=0.1,
            workers=1,
        )
        made = OneStep(step, read(texts), settings)
        with torch.no_grad():
            made.words, made.neighbours = torch.randn(2, 30, 8, generator=torch.manual_seed(0))
        return made, texts

    return make


def first_block(made):
    ids, sentence = next(made.corpus.pieces())
    reach = np.random.default_rng(1).integers(1, 4, len(ids))
    block = next(predicting.blocks(ids, sentence, reach, 3, 4))
    noise = torch.randint(0, 30, (len(block.mask), made.shared))
    return block, noise, ids, sentence, reach


def pairs_of(ids, sentence, reach, stop):
    """All pairs of places (i, j) that are neighbours, by a plain loop."""
    return [
        (i, j)
        for i in range(stop)
        for j in range(len(ids))
        if i != j and sentence[i] == sentence[j] and abs(i - j) <= reach[i]
    ]


def summed(rows, ids, size):
    return torch.zeros(size, rows.shape[-1]).index_add_(0, ids.flatten(), rows.flatten(0, 1))


def test_a_block_of_skip_gram_has_the_gradient_of_the_plain_sum_over_pairs(trainer):
    made, _ = trainer("skip_gram")
    block, noise, ids, sentence, reach = first_block(made)
    made.skip_gram(block, noise, 0.1)
    where, to_words, others, to_others = made.kept
    W, U = (table.clone().requires_grad_() for table in (made.words, made.neighbours))
    loss = torch.zeros(())
    for i, j in pairs_of(ids, sentence, reach, block.ids.numel()):
        m = noise[i // predicting.ROW]
        loss = loss - logsigmoid(W[ids[i]] @ U[ids[j]])
        loss = loss - 5 * logsigmoid(-(U[m] @ W[ids[i]])).mean()
    loss.backward()
    assert_close(summed(to_words, where, 30), W.grad, share=1e-4)
    assert_close(summed(to_others, others, 30), U.grad, share=1e-4)


def test_a_block_of_cbow_has_the_gradient_of_the_plain_sum_over_words(trainer):
    made, _ = trainer("cbow")
    block, noise, ids, sentence, reach = first_block(made)
    made.cbow(block, noise, 0.1)
    where, to_words, others, to_others = made.kept
    W, U = (table.clone().requires_grad_() for table in (made.words, made.neighbours))
    loss, stop = torch.zeros(()), block.ids.numel()
    near = {i: [j for a, j in pairs_of(ids, sentence, reach, stop) if a == i] for i in range(stop)}
    for i, places in near.items():
        if places:
            h = W[ids[places]].mean(0)
            m = noise[i // predicting.ROW]
            loss = loss - logsigmoid(h @ U[ids[i]]) - 5 * logsigmoid(-(U[m] @ h)).mean()
    loss.backward()
    assert_close(summed(to_words, where, 30), W.grad, share=1e-4)
    assert_close(summed(to_others, others, 30), U.grad, share=1e-4)


@pytest.mark.parametrize(("window", "N"), [(1, 5), (3, 40), (20, 100), (40, 3)])
def test_blocks_mark_the_neighbours_that_a_plain_loop_finds(window, N):
    rng = np.random.default_rng(0)
    sentence = np.sort(rng.integers(0, 6, N))
    ids, reach = rng.integers(0, 9, N), rng.integers(1, window + 1, N)
    found = set()
    for b, block in enumerate(predicting.blocks(ids, sentence, reach, window, 2)):
        for r, p, q in block.mask.nonzero().tolist():
            i = (2 * b + r) * predicting.ROW + p
            j = i - p + q - window
            assert (block.ids[r, p], block.around[r, q]) == (ids[i], ids[j])
            found.add((i, j))
    assert found == set(pairs_of(ids, sentence, reach, N))


def test_glove_steps_down_the_gradient_of_its_weighted_squares():
    texts, _ = planted(200)
    words, counts = cooccurrence(texts)
    V, D = len(words), 6
    w, u = torch.randn(2, V, D + 2, generator=torch.manual_seed(0))
    w[:, D + 1], u[:, D] = 1.0, 1.0
    before = w.clone(), u.clone()
    squares = torch.ones(2, V, D + 2)
    (tile,) = counting._tiles(counts, np.arange(V), 10.0, 0.75)
    counting._fit_tile(w, u, squares, tile, 0.1)
    a, b = (table.clone().requires_grad_() for table in before)
    X = torch.from_numpy(counts.toarray()).float()
    f = (X / 10).clamp(max=1) ** 0.75
    gap = a @ b.T - X.clamp(min=1e-30).log()
    (f * gap**2).sum().div(2).backward()
    a.grad[:, D + 1], b.grad[:, D] = 0, 0
    for table, old, grad in ((w, before[0], a.grad), (u, before[1], b.grad)):
        assert_close(table - old, -0.1 * grad / (1 + grad**2).sqrt(), share=1e-4)


# Training


@pytest.mark.parametrize("method", METHODS)
def test_words_that_share_their_places_become_neighbours(method):
    texts, groups = planted()
    v = method(texts, dim=20, window=2, epochs=20, **({} if method is glove else {"sample": 0}))
    assert precision_at(v, groups) > 0.95
    assert purity(v, groups) > 0.9


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_gives_the_same_vectors_and_another_one_others(method):
    texts, _ = planted(100)
    a, b, c = (method(texts, dim=8, epochs=2, seed=seed).vectors for seed in (0, 0, 1))
    assert np.array_equal(a, b)
    assert not np.allclose(a, c)


@pytest.mark.parametrize("method", METHODS)
def test_a_generator_will_do_and_gives_the_same_as_a_list(method):
    texts, _ = planted(100)
    listed, streamed = (method(given, dim=8, epochs=2) for given in (texts, (t for t in texts)))
    assert np.array_equal(listed.vectors, streamed.vectors)


def test_two_workers_learn_as_well_as_one():
    texts, groups = planted(3000)
    v = skip_gram(texts * 8, dim=20, window=2, epochs=3, sample=0, workers=2)
    assert precision_at(v, groups) > 0.95


@pytest.mark.parametrize("window", [1, 10, 40])
@pytest.mark.parametrize("method", [skip_gram, cbow])
def test_any_window_is_learned_from_without_growing_beyond_bounds(method, window):
    texts, _ = planted(300)
    v = method(
        [[word for text in texts for word in text]], dim=10, window=window, epochs=3, sample=0
    )
    assert np.abs(v.vectors).max() < 20


def test_the_corpus_is_kept_on_disk_so_that_memory_does_not_grow_with_it():
    def stream(n):
        return (["a", "b", "c", str(i % 50)] for i in range(n))

    peaks = []
    for n in (300_000, 900_000):
        tracemalloc.start()
        read(stream(n))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_watch_is_called_after_each_epoch():
    seen = []
    texts, _ = planted(50)
    last = skip_gram(texts, dim=4, epochs=3, watch=lambda epoch, v: seen.append((epoch, v)))
    assert [epoch for epoch, _ in seen] == [1, 2, 3]
    assert np.array_equal(seen[-1][1].vectors, last.vectors)


def test_words_come_by_frequency_and_rare_ones_are_left_out():
    texts = [["b", "a", "b"], ["c", "a", "b"]]
    assert skip_gram(texts, dim=2, min_count=1).words == ["b", "a", "c"]
    assert skip_gram(texts, dim=2, min_count=2).words == ["b", "a"]


@pytest.mark.parametrize("window", [1, 2, 9])
def test_counts_of_neighbours_are_those_of_a_plain_loop(window, monkeypatch):
    monkeypatch.setattr(counting, "GROWN", 1)
    texts, _ = planted(20)
    texts.append(["a0", "a0", "b1"])
    words, counts = cooccurrence(texts, window=window)
    X = np.zeros((len(words), len(words)))
    for text in texts:
        ids = [words.index(word) for word in text]
        for i, j in itertools.permutations(range(len(ids)), 2):
            if abs(i - j) <= window:
                X[ids[i], ids[j]] += 1 / abs(i - j)
    if window + 1 < 9:
        monkeypatch.undo()
        counts = cooccurrence(texts, window=window)[1]
    assert_close(counts.toarray(), X)


# What is refused


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("given", "fault", "said"),
    [
        ([], ValueError, "got none"),
        ([[]], ValueError, "got none"),
        (iter([]), ValueError, "used up"),
        ([["film"], ["dull"]], ValueError, "two words or more"),
        ([["film", "film"]], ValueError, "the only one is 'film'"),
        ("a good film", TypeError, "must be lists of words"),
        (["a good film"], TypeError, "each sentence must be a list of words"),
        ([["a", 3.5]], TypeError, "each a str, got 3.5"),
        ([["a", ["b"]]], TypeError, "each a str"),
        ([["a", None]], TypeError, "got None"),
    ],
)
def test_what_is_no_corpus_is_refused_with_a_reason(method, given, fault, said):
    if not isinstance(given, list | str):
        given = iter([])
    with pytest.raises(fault, match=said):
        method(given)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["dim", "window", "epochs", "min_count"])
def test_numbers_that_make_no_sense_are_refused_by_name(method, name):
    for value, fault in ((0, ValueError), (1.5, TypeError), (True, TypeError)):
        with pytest.raises(fault, match=name):
            method([["a", "b"]], **{name: value})


def test_rates_that_make_no_sense_are_refused_by_name():
    for name, value in itertools.product(("rate", "negatives"), (0, -1, float("nan"))):
        with pytest.raises(ValueError, match=name):
            skip_gram([["a", "b"]], **{name: value})


def test_a_min_count_that_nothing_reaches_is_refused_with_the_most_frequent_word():
    with pytest.raises(ValueError, match=r"no word occurs 5 times.*'b', occurs 2 times"):
        skip_gram([["a", "b", "b"]], min_count=5)


def test_vectors_that_run_away_are_told():
    texts, _ = planted(300)
    with pytest.raises(FloatingPointError, match="try a smaller rate"):
        glove(texts, rate=1e30, epochs=3)


# Vectors


@pytest.fixture
def toy():
    return WordVectors(["film", "movie", "dull", "кино"], [[3, 1], [2, 1], [-1, 2], [1, 0]])


def test_the_nearest_words_leave_the_word_itself_out(toy):
    assert [word for word, _ in toy.nearest("film")] == ["кино", "movie", "dull"] or [
        word for word, _ in toy.nearest("film")
    ] == ["movie", "кино", "dull"]
    assert toy.nearest("film", count=1)[0][1] == pytest.approx(toy.similarity("film", "movie"))


def test_an_analogy_leaves_its_three_words_out(toy):
    answer = toy.analogy("film", "movie", "dull", count=9)
    assert [word for word, _ in answer] == ["кино"]


def test_an_unknown_word_is_named_with_those_that_are_spelled_like_it(toy):
    with pytest.raises(ValueError, match=r"'fim' is not among the 4 words.*'film'"):
        toy.vector("fim")
    with pytest.raises(TypeError, match="word must be a str"):
        toy.vector(3)


def test_a_vector_of_zeros_is_like_nothing():
    v = WordVectors(["a", "b"], [[0, 0], [1, 0]])
    assert v.similarity("a", "b") == 0


@pytest.mark.parametrize(
    ("words", "vectors", "said"),
    [
        (["a", "a"], [[1], [2]], "'a' occurs twice"),
        (["a", "b"], [[1], [np.nan]], "'b' holds NaN"),
        (["a"], [[1], [2]], r"\(1, D\)"),
        ([], np.zeros((0, 3)), r"\(0, D\)"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(words, vectors, said):
    with pytest.raises(ValueError, match=said):
        WordVectors(words, vectors)


# Files


def test_a_file_gives_back_the_same_words_and_the_same_bits(toy, tmp_path):
    texts, _ = planted(40)
    for v in (toy, skip_gram(texts, dim=9)):
        v.save(tmp_path / "v.vec")
        again = WordVectors.load(tmp_path / "v.vec")
        assert again.words == v.words
        assert np.array_equal(again.vectors, v.vectors)


def test_a_limit_reads_the_first_words_only(toy, tmp_path):
    toy.save(tmp_path / "v.vec")
    assert WordVectors.load(tmp_path / "v.vec", limit=2).words == ["film", "movie"]


def test_a_file_without_header_and_one_of_windows_can_be_read(tmp_path):
    (tmp_path / "glove.txt").write_text("a 1 2\nb 3 4\n", encoding="utf-8")
    (tmp_path / "w.vec").write_bytes(b"\xef\xbb\xbf2 2\r\na 1 2\r\nb 3 4 \r\n")
    for name, header in (("glove.txt", False), ("w.vec", True)):
        v = WordVectors.load(tmp_path / name, header=header)
        assert (v.words, v.vectors.tolist()) == (["a", "b"], [[1, 2], [3, 4]])


@pytest.mark.parametrize("word", ["new york", "", "a\tb", "a\u00a0b", "a\n"])
def test_a_word_that_the_format_cannot_hold_is_refused_before_anything_is_written(word, tmp_path):
    path = tmp_path / "v.vec"
    path.write_text("the old one", encoding="utf-8")
    with pytest.raises(ValueError, match="parts words by spaces"):
        WordVectors([word, "b"], [[1], [2]]).save(path)
    assert path.read_text(encoding="utf-8") == "the old one"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must begin with two numbers"),
        ("film 1 2\n", "must begin with two numbers.*header=False"),
        ("2 2\na 1 2\n", "promises 2 words and holds 1"),
        ("2 2\na 1 2\nb 3 4", "line 3 .* no line end"),
        ("2 2\na 1 2\nb 3\n", "line 3 .* must hold a word and 2"),
        ("2 2\na 1 2\nb 3 nan\n", "line 3 .* finite"),
        ("2 2\na 1 2\nb 3 inf\n", "line 3 .* finite"),
        ("2 2\na 1 2\nb 3 x\n", "line 3"),
        ("2 2\na 1 2\na 3 4\n", "'a' occurs twice"),
        ("0 2\n", "holds no words"),
    ],
)
def test_a_broken_file_is_refused_with_the_line(text, said, tmp_path):
    path = tmp_path / "v.vec"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        WordVectors.load(path)


def test_a_binary_file_is_refused(tmp_path):
    path = tmp_path / "v.bin"
    path.write_bytes(b"2 2\na \xff\xfe\x80\x81")
    with pytest.raises(ValueError, match="no text in UTF-8"):
        WordVectors.load(path)


def test_gensim_reads_what_we_write(tmp_path):
    models = pytest.importorskip("gensim.models")
    texts, _ = planted(40)
    v = skip_gram(texts, dim=9)
    v.save(tmp_path / "v.vec")
    theirs = models.KeyedVectors.load_word2vec_format(str(tmp_path / "v.vec"))
    assert theirs.index_to_key == v.words
    assert np.array_equal(theirs.vectors, v.vectors)
    theirs.save_word2vec_format(str(tmp_path / "w.vec"))
    assert_close(WordVectors.load(tmp_path / "w.vec").vectors, v.vectors)
    word = v.words[0]
    assert_close(
        [cosine for _, cosine in v.nearest(word, count=5)],
        [cosine for _, cosine in theirs.most_similar(word, topn=5)],
    )


# The answer key


def test_perfect_vectors_have_precision_purity_and_analogies_of_one():
    words = [f"{a}{i}" for a in "xy" for i in range(4)]
    v = WordVectors(words, np.repeat([[1.0, 0.1], [0.1, 1.0]], 4, axis=0))
    groups = {"x": words[:4], "y": words[4:]}
    assert precision_at(v, groups) == 1
    assert purity(v, groups) == 1
    assert analogies_solved(v, [("x0", "y0", "x1", "y1")], groups=groups) == 1


def test_words_without_vectors_are_left_out_and_nothing_left_is_refused():
    v = WordVectors(["a", "b"], [[1, 0], [0, 1]])
    assert precision_at(v, {"g": ["a", "b", "?"]}, k=1) == 1
    with pytest.raises(ValueError, match="no group has 4 words"):
        precision_at(v, {"g": ["a", "b"]})
    with pytest.raises(ValueError, match="two groups"):
        purity(v, {"g": ["a", "b"], "h": ["?"]})
    with pytest.raises(ValueError, match="no analogy"):
        analogies_solved(v, [("a", "b", "c", "d")])


def test_analogies_are_solved_as_the_vectors_say_one_by_one():
    texts, _ = planted(200)
    v = skip_gram(texts, dim=9, epochs=3)
    rng = np.random.default_rng(0)
    rows = [tuple(rng.choice(v.words, 4, replace=False)) for _ in range(60)]
    by_one = np.mean([v.analogy(a, b, c)[0][0] == d for a, b, c, d in rows])
    assert analogies_solved(v, rows) == by_one
