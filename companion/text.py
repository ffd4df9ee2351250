"""From text to numbers: cut it into words, number the words, make the rows one length."""

from __future__ import annotations

import json
import reprlib
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.runtime import whole

__all__ = ["Tokenizer", "Vocabulary", "pad_sequences"]

# These signs part words in Keras 2. The apostrophe belongs to a word, and so does all the rest.
FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
# What looks like a space or like nothing, and is none of them: it would glue words together.
GLUE = "\r\x0b\x0c\x85\xa0\u200b\u2028\u3000\ufeff"
_UTF8 = ("utf-8", "surrogatepass")  # an ASCII sign is one byte there, and no byte of another
_SAVED = ("num_words", "lower", "oov_token", "filters", "document_count", "word_counts")


class Tokenizer:
    """Cut texts into words, and number the words from 1, the most frequent first.

    It gives the same numbers as the class of this name in Keras 2, which Keras 3 left out. Words
    that occur equally often are numbered in the order in which they first appeared. The number 0
    stays free for padding.

    The same holds where one might wish otherwise; of the first two a warning tells. In a file with
    Windows' line ends, read as bytes or with ``newline=""``, the sign ``\\r`` is a letter, as are
    a byte order mark and a non-breaking space: open it with ``encoding="utf-8-sig"``, or add them
    to ``filters``. Of ``<unk>`` in a text the word ``unk`` is left: take ``<`` and ``>`` out of
    ``filters``. And an accent that stands as a sign of its own makes another word:
    ``unicodedata.normalize("NFC", text)`` makes them one.

    Parameters
    ----------
    num_words
        Only words with a number below this are used: ``num_words - 1`` of them. None uses all.
    lower
        Whether to turn the texts into lower case first.
    oov_token
        Stands for every word that is unknown or not used; its number is 1. Without one, such words
        are left out.
    filters
        The signs that part words, beside the space. By default all of ASCII but the apostrophe,
        tabulator and line end.

    Warns
    -----
    UserWarning
        If a text holds an invisible sign that no filter takes, or a mark that filters cut.

    Attributes
    ----------
    word_index, index_word : dict
        Word to number and number to word, of all words ever fitted, whatever ``num_words`` says.
    word_counts : dict
        How often each word occurred, in the order in which they first appeared.
    document_count : int
        How many texts were fitted.

    Raises
    ------
    TypeError, ValueError
        If a value is none of these; if a text is neither a str nor a list of words; if there are
        numbers to give before any text was fitted.

    Examples
    --------
    >>> tokenizer = Tokenizer(oov_token="<unk>")
    >>> tokenizer.fit_on_texts(["Good film!", "A film, a good film."])
    >>> tokenizer.word_index
    {'<unk>': 1, 'film': 2, 'good': 3, 'a': 4}
    >>> tokenizer.texts_to_sequences(["A bad film"])
    [[4, 1, 2]]
    """

    def __init__(
        self,
        num_words: int | None = None,
        *,
        lower: bool = True,
        oov_token: str | None = None,
        filters: str = FILTERS,
    ) -> None:
        if not isinstance(oov_token, str | None):
            raise TypeError(f"oov_token must be a word or None, got {oov_token!r}")
        if not isinstance(filters, str):
            raise TypeError(f"filters must be a str of signs, got {filters!r}")
        self.num_words = None if num_words is None else whole("num_words", num_words, 1)
        self.lower = lower
        self.oov_token = oov_token
        self.filters = filters
        self.word_counts: Counter[str] = Counter()
        self.document_count = 0
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def fit_on_texts(self, texts: Iterable[str | list[str]]) -> None:
        """Count the words of more texts, and number all words anew.

        A text is a str, or a list of words, which are then taken as they are but for their case.
        If one is refused, none is counted.
        """
        counts: Counter[str] = Counter()
        documents = 0
        for words in self._cut(texts):
            counts.update(words)
            documents += 1
        self.word_counts.update(counts)
        self.document_count += documents
        self._number_words()

    def texts_to_sequences(self, texts: Iterable[str | list[str]]) -> list[list[int]]:
        """Return the numbers of each text's words; a row may come out empty."""
        limit = self._limit()
        oov = self.word_index.get(self.oov_token) if self.oov_token is not None else None
        sequences = []
        for words in self._cut(texts):
            ids = map(self.word_index.get, words, repeat(limit))  # unknown words get the limit
            if oov is None:
                sequences.append([i for i in ids if i < limit])
            else:
                sequences.append([i if i < limit else oov for i in ids])
        return sequences

    def sequences_to_texts(self, sequences: Iterable[Sequence[int]]) -> list[str]:
        """Return the words of each row of whole numbers, joined by spaces.

        A number without a word gives ``oov_token``, or nothing where there is none.
        """
        limit, oov = self._limit(), self.oov_token
        texts = []
        for row in sequences:
            ids = _ids(row).tolist()
            words = [self.index_word.get(i, oov) if i < limit else oov for i in ids]
            texts.append(" ".join(word for word in words if word is not None))
        return texts

    def to_json(self) -> str:
        """Return settings and word counts as JSON text, to keep in a file."""
        saved = {name: getattr(self, name) for name in _SAVED}
        return json.dumps({**saved, "word_counts": list(self.word_counts.items())})

    @classmethod
    def from_json(cls, text: str) -> Tokenizer:
        """Return the tokenizer whose ``to_json`` gave this text; anything else is a ValueError."""
        try:
            saved = {"filters": FILTERS, **json.loads(text)}  # older ones lack it
            if set(saved) != set(_SAVED) or not isinstance(saved["lower"], bool):
                raise ValueError
            tokenizer = cls(**{name: saved[name] for name in _SAVED[:4]})
            tokenizer.document_count = whole("document_count", saved["document_count"], 0)
            counts = dict(saved["word_counts"])
            for word, count in zip(_words("words", counts), counts.values(), strict=True):
                tokenizer.word_counts[word] = whole("count", count, 1)
        except (TypeError, ValueError) as fault:
            raise ValueError(
                f"text must come from Tokenizer.to_json, got {reprlib.repr(text)}"
            ) from fault
        if tokenizer.document_count:
            tokenizer._number_words()
        return tokenizer

    def _number_words(self) -> None:
        """Give every word its number. An ``oov_token`` that is also a word keeps the later one."""
        words = [word for word, _ in self.word_counts.most_common()]
        if self.oov_token is not None:
            words.insert(0, self.oov_token)
        self.word_index = {word: i for i, word in enumerate(words, start=1)}
        self.index_word = {i: word for word, i in self.word_index.items()}

    def _cut(self, texts: Iterable[str | list[str]]) -> Iterator[list[str]]:
        """Yield the words of each text, and warn at the end of what was cut strangely."""
        _refuse_one_text("texts", texts)
        marks = [mark for mark in ("<unk>", self.oov_token) if set(mark or "") & set(self.filters)]
        odd: set[str] = set()
        for text in texts:
            if isinstance(text, str):
                text = text.lower() if self.lower else text
                odd.update(sign for sign in (*GLUE, *marks) if sign in text)
                yield [word for word in self._part(text).split(" ") if word]
            elif isinstance(text, list) and all(isinstance(word, str) for word in text):
                yield [word.lower() for word in text] if self.lower else text
            else:
                raise TypeError(
                    f"each text must be a str or a list of words, got {reprlib.repr(text)}"
                )
        glue, cut = sorted(odd & set(GLUE) - set(self.filters)), sorted(odd & set(marks))
        if glue:
            way = "open files with encoding='utf-8-sig' and newline=None, or add them to filters"
            warnings.warn(f"{glue} became letters of words, as in Keras 2: {way}", stacklevel=3)
        if cut:
            way = "take their signs out of filters"
            warnings.warn(f"{cut} lost their signs, as in Keras 2: {way}", stacklevel=3)

    def _part(self, text: str) -> str:
        """Return a text with spaces in the place of filters."""
        spaces = " " * len(self.filters)
        if not self.filters.isascii():
            return text.translate(str.maketrans(self.filters, spaces))
        table = bytes.maketrans(self.filters.encode(), spaces.encode())
        return text.encode(*_UTF8).translate(table).decode(*_UTF8)

    def _limit(self) -> int:
        """Return the lowest number that is not used, once there are any."""
        if not self.document_count:
            raise ValueError("the tokenizer has seen no text: call fit_on_texts first")
        return self.num_words or sys.maxsize


class Vocabulary:
    """Number the words of a corpus from 0: the specials, then the words by frequency.

    Words that occur equally often stand in alphabetical order, so the numbers do not depend on
    the order of the corpus. A vocabulary is iterated over in the order of its numbers.

    Parameters
    ----------
    tokens
        The words of the corpus, one by one, repetitions included.
    max_size
        How many words to keep at most. The specials are not counted.
    min_freq
        Words that occur less often are left out.
    specials
        Tokens that come first, whether they occur or not. ``"<unk>"`` among them stands for every
        word that is not in the vocabulary.

    Raises
    ------
    TypeError, ValueError
        If a token is no str, a special stands twice, or a number is below 1.

    Examples
    --------
    >>> vocabulary = Vocabulary("the film the end a film the".split(), max_size=3)
    >>> list(vocabulary)
    ['<pad>', '<unk>', 'the', 'film', 'a']
    >>> vocabulary["film"], vocabulary["end"], vocabulary.token(2)
    (3, 1, 'the')
    """

    def __init__(
        self,
        tokens: Iterable[str],
        *,
        max_size: int | None = None,
        min_freq: int = 1,
        specials: Sequence[str] = ("<pad>", "<unk>"),
    ) -> None:
        first = list(_words("specials", specials))
        if len(set(first)) < len(first):
            raise ValueError(f"specials must differ from each other, got {first}")
        size = None if max_size is None else whole("max_size", max_size, 1)
        least = whole("min_freq", min_freq, 1)
        counts = Counter(_words("tokens", tokens))
        kept = [word for word, n in counts.items() if n >= least and word not in first]
        kept.sort(key=lambda word: (-counts[word], word))
        self._tokens = [*first, *kept[:size]]
        self._id_of = {token: i for i, token in enumerate(self._tokens)}
        self._unknown = self._id_of["<unk>"] if "<unk>" in first else None

    def __getitem__(self, word: str) -> int:
        if not isinstance(word, str):
            raise TypeError(f"a vocabulary is asked for a word, or .token(id), got {word!r}")
        id = self._id_of.get(word, self._unknown)
        if id is None:
            raise ValueError(f"{word!r} is not in the vocabulary, and it has no '<unk>'")
        return id

    def __contains__(self, word: object) -> bool:
        return word in self._id_of

    def __iter__(self) -> Iterator[str]:
        return iter(self._tokens)

    def __len__(self) -> int:
        return len(self._tokens)

    def token(self, id: int) -> str:
        """Return the token with this number, from 0 to ``len(vocabulary) - 1``."""
        if whole("id", id, 0) >= len(self):
            raise ValueError(f"id must be from 0 to {len(self) - 1}, got {id}")
        return self._tokens[id]


def pad_sequences(
    sequences: Iterable[Sequence[int]],
    maxlen: int | None = None,
    *,
    padding: str = "pre",
    truncating: str = "pre",
    value: int = 0,
) -> NDArray[np.int32]:
    """Make one array of rows of different lengths: fill the short ones up, cut the long ones.

    It returns the same as ``keras.utils.pad_sequences``.

    Parameters
    ----------
    sequences
        Rows of whole numbers.
    maxlen
        The length T of every row. None takes the length of the longest.
    padding, truncating
        Where to fill up and where to cut: ``"pre"`` at the start of a row, ``"post"`` at its end.
    value
        What to fill up with.

    Returns
    -------
    ndarray
        int32, shape (N, T).

    Raises
    ------
    TypeError, ValueError
        If a row holds anything but whole numbers, ``maxlen`` is below 1, or there is no row whose
        length could be taken.

    Examples
    --------
    >>> pad_sequences([[7], [3, 4, 5]], maxlen=2)  # (N, T)
    array([[0, 7],
           [4, 5]], dtype=int32)
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise ValueError(f"{name} must be 'pre' or 'post', got {side!r}")
    rows = list(sequences)
    for row in rows:
        if isinstance(row, str | bytes) or not hasattr(row, "__len__"):
            raise TypeError(f"sequences must be rows of whole numbers, got {reprlib.repr(row)}")
    if maxlen is not None:
        end = slice(-whole("maxlen", maxlen, 1), None) if truncating == "pre" else slice(maxlen)
        rows = [row[end] for row in rows]
    elif not rows:
        raise ValueError("there is no row to take the length from: pass maxlen")
    lengths = np.array([len(row) for row in rows], dtype=int)  # (N,)
    width = lengths.max() if maxlen is None else maxlen
    steps = np.arange(width)
    filled = steps < lengths[:, None]  # (N, T)
    if padding == "pre":
        filled = filled[:, ::-1]
    padded = np.full(filled.shape, _ids([value])[0])
    padded[filled] = _ids(list(chain.from_iterable(rows)))
    return padded


def _ids(row: Any) -> NDArray[np.int32]:
    """Return a row of numbers as int32, or refuse it where that would change a number."""
    try:
        given = np.asarray(row)
    except ValueError:  # rows within rows
        given = np.array(None)
    if given.ndim == 1 and given.dtype.kind in "biuf":
        with np.errstate(invalid="ignore"):
            ids = given.astype(np.int32)
        if np.array_equal(ids, given):
            return ids
        row = given[ids != given][0].item()
    raise ValueError(f"ids must be rows of whole numbers below 2**31, got {reprlib.repr(row)}")


def _words(name: str, words: Iterable[str]) -> Iterator[str]:
    """Yield the words, and refuse anything else."""
    _refuse_one_text(name, words)
    for word in words:
        if not isinstance(word, str):
            raise TypeError(f"{name} must be words, each a str, got {reprlib.repr(word)}")
        yield word


def _refuse_one_text(name: str, texts: object) -> None:
    """Refuse a lone text, which Python would take for a list of letters."""
    if isinstance(texts, str | bytes):
        raise TypeError(f"{name} must be a list, got one {type(texts).__name__}")
