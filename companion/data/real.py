"""Real data by name: from a folder of yours, from a cache, or from where the world keeps them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import importlib
import logging
import os
import re
import tempfile
import textwrap
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from companion.runtime import home, write_whole

__all__ = ["NotThere", "load", "text"]

PATIENCE = 10  # seconds to wait for an answer
# Where a text can be had, and the sha256 of its bytes.
TEXTS = {
    "tiny_shakespeare": (
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
}


class NotThere(OSError):
    """The data are not there; the message says where they were looked for, and what may help."""


def load(name: str, split: str, *, config: str | None = None) -> Any:
    """Load one part of a data set, by the name that it has on the Hugging Face hub.

    It is looked for in three places. First in the folder that ``COMPANION_MIRROR`` names, which
    is laid out as the hub is: ``owner/name/README.md``, with a ``configs:`` header, and the files
    that it lists. If the data set is there, no other place is asked, and nothing is written into
    the folder. Then in the cache of the library ``datasets``, then on the hub. A notebook goes
    on without the data like this::

        try:
            reviews = real.load("stanfordnlp/imdb", "test")
        except real.NotThere:
            print("The reviews are not there, so this part is left out.")

    Parameters
    ----------
    name
        ``owner/name``.
    split
        The part, often ``"train"``, ``"validation"`` or ``"test"``; ``"train[:100]"`` is its
        first 100 rows.
    config
        Which one, of a data set that comes in several, as one for each language.

    Returns
    -------
    datasets.Dataset
        The rows.

    Raises
    ------
    NotThere
        If no place has these data, what is there cannot be read, or the library is missing.
    TypeError, ValueError
        If an argument is no str, or cannot be a name.

    Examples
    --------
    >>> load("imdb", "test")
    Traceback (most recent call last):
    ValueError: name must be owner/name, as in 'stanfordnlp/imdb', got 'imdb'
    """
    for word, value in (("name", name), ("split", split), ("config", config)):
        if not isinstance(value, str) and (word != "config" or value is not None):
            raise TypeError(f"{word} must be a str, got {value!r}")
        if value == "":
            raise ValueError(f"{word} must not be empty")
    if not re.fullmatch(r"\w[\w.-]{0,95}/\w[\w.-]{0,95}", name, re.ASCII):
        raise ValueError(f"name must be owner/name, as in 'stanfordnlp/imdb', got {name!r}")
    folder = _given("COMPANION_MIRROR", name)
    library = _library()
    with _silence(library):
        if folder:
            return _read(library, folder, split, config)
        return _ask(library, name, split, config)


def text(name: str) -> str:
    """Return a text in the public domain.

    It is looked for in three places. First as the file ``<name>.txt`` in the folder that
    ``COMPANION_TEXTS`` names, then in the folder ``texts`` of :func:`companion.runtime.home`. If
    it is in neither, it is fetched once, and kept in the second. Whatever its place, it is the
    same to the byte.

    Parameters
    ----------
    name
        ``"tiny_shakespeare"``: a million letters from Shakespeare's plays.

    Raises
    ------
    NotThere
        If no place has the text, or a file under its name is another one.
    ValueError
        If the name is none of these.

    Examples
    --------
    >>> text("hamlet")
    Traceback (most recent call last):
    ValueError: name must be one of tiny_shakespeare, got 'hamlet'
    """
    if name not in tuple(TEXTS):
        raise ValueError(f"name must be one of {', '.join(TEXTS)}, got {name!r}")
    kept = home().absolute() / "texts" / f"{name}.txt"
    path = _given("COMPANION_TEXTS", kept.name) or kept
    try:
        if not path.exists():
            write_whole(path, _fetch(name, path).decode())
        return _whole(name, path, path.read_bytes()).decode()
    except NotThere:
        raise
    except OSError as error:
        raise NotThere(
            f"{name} cannot be read or kept: {_reason(error)}; "
            "set COMPANION_TEXTS to a folder with it, or COMPANION_HOME to one for it"
        ) from None


def _fetch(name: str, path: Path) -> bytes:
    """Return the bytes of a text from its address; the path is where a reader can put it."""
    address = TEXTS[name][0]
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            content: bytes = answer.read(10_000_000)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the connection
        raise NotThere(
            f"{name} cannot be fetched ({_reason(error).strip('<>')}): save {address} as {path}"
        ) from None
    return _whole(name, address, content)


def _whole(name: str, place: str | Path, content: bytes) -> bytes:
    """Return the bytes that were found at a place, if they are the text."""
    digest, wanted = hashlib.sha256(content).hexdigest(), TEXTS[name][1]
    if digest != wanted:
        raise NotThere(
            f"{place} is not {name}, or not all of it: its {len(content)} bytes have "
            f"sha256 {digest}, where {wanted} is wanted"
        )
    return content


def _given(variable: str, name: str) -> Path | None:
    """Return what has this name in the folder that a variable names, if anything has."""
    folder = os.environ.get(variable)
    if not folder:
        return None
    try:
        place = Path(folder).expanduser().absolute()
        list(place.iterdir())
        return place / name if (place / name).exists() else None
    except (OSError, RuntimeError) as error:
        raise NotThere(f"{variable} must be the full path of a folder: {_reason(error)}") from None


def _library() -> Any:
    """Import ``datasets``, which only those need who want real data."""
    try:
        return importlib.import_module("datasets")
    except Exception as error:  # an installation can be broken in many ways
        raise NotThere(
            f"real data need the library datasets ({_reason(error)}): "
            'pip install -c constraints.txt -e ".[real]"'
        ) from None


def _read(library: Any, folder: Path, split: str, config: str | None) -> Any:
    """Read from the mirror, with a cache of its own.

    The library's cache tells folders apart by their last name and the names of their files: it
    would give one mirror's rows for another's, and old rows for new ones.
    """
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            return library.load_dataset(
                str(folder), config, split=split, cache_dir=scratch, keep_in_memory=True
            )
    except Exception as error:  # every format has errors of its own
        raise NotThere(
            f"{folder} does not give the split {split!r}: {_reason(error)}; "
            "ask for what it has, mend it, or unset COMPANION_MIRROR"
        ) from None


def _ask(library: Any, name: str, split: str, config: str | None) -> Any:
    """Take the data from the cache if they are there, and from the hub otherwise."""
    if Path(name).exists():  # the library would take it for the hub's
        raise NotThere(f"{Path(name).absolute()} stands before the hub's: work in another folder")
    wanted = {"path": name, "name": config, "split": split}
    offline = library.config.HF_HUB_OFFLINE
    try:
        library.config.HF_HUB_OFFLINE = True
        return library.load_dataset(**wanted)
    except Exception as error:
        cache = error
    finally:
        library.config.HF_HUB_OFFLINE = offline
    try:
        if not offline:
            _knock(library.config.HF_ENDPOINT)
        return library.load_dataset(**wanted)
    except Exception as error:
        raise _nowhere(library.config, name, split, cache, error) from None


def _nowhere(settings: Any, name: str, split: str, cache: Exception, hub: Exception) -> NotThere:
    """Say why neither the cache nor the hub gave the data."""
    not_cached = isinstance(cache, ConnectionError)  # it went on to the hub
    absent, mirror = "it is not there", os.environ.get("COMPANION_MIRROR")
    tried = {f"the mirror {mirror}": absent} if mirror else {}
    tried |= {"the cache": absent if not_cached else _reason(cache), "the hub": _reason(hub)}
    if {getattr(error, "errno", None) for error in (cache, hub)} & {errno.EACCES, errno.EROFS}:
        advice = "set HF_HOME to a folder that you may write to"
    elif not_cached or type(cache) is ValueError:  # which is about the names asked for
        advice = "check the name and the connection, or set COMPANION_MIRROR to a folder with it"
    else:
        folder = Path(settings.HF_DATASETS_CACHE, name.replace("/", "___"))
        advice = f"delete what is broken in {folder}"
    places = ", ".join(f"{place} ({why})" for place, why in tried.items())
    return NotThere(f"{name}, split {split!r}, is in none of these: {places}; {advice}")


def _knock(hub: str) -> None:
    """See whether the hub answers, for the library asks in vain for half a minute."""
    from huggingface_hub import get_session

    status = get_session().head(hub, timeout=5).status_code
    if status >= 500:
        raise ConnectionError(f"{hub} answers {status}")


def _reason(error: BaseException) -> str:
    """Say on one line what was at the bottom of an error."""
    while error.__cause__:
        error = error.__cause__
    text = " ".join(str(error).split()).split(" Example of usage")[0].rstrip(".")
    return textwrap.shorten(text, 300, placeholder=" ...") or type(error).__name__


@contextlib.contextmanager
def _silence(library: Any) -> Iterator[None]:
    """Keep the library's warnings, logs and progress bars away while it works."""
    import huggingface_hub.utils as hub

    loggers = [logging.getLogger(word) for word in ("datasets", "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    bars = [module for module in (library, hub) if not module.are_progress_bars_disabled()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for logger in loggers:
                logger.setLevel(logging.CRITICAL)
            for module in bars:
                module.disable_progress_bars()
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            for module in bars:
                module.enable_progress_bars()
