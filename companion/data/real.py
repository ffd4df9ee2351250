"""Real data by their hub names: from a folder of yours, from the library's cache, or the hub."""

from __future__ import annotations

import contextlib
import errno
import importlib
import logging
import os
import re
import tempfile
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["NotThere", "load"]


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
    folder = _mirrored(name)
    library = _library()
    with _silence(library):
        if folder:
            return _read(library, folder, split, config)
        return _ask(library, name, split, config)


def _mirrored(name: str) -> Path | None:
    """Return the folder of a data set in the mirror, if there is a mirror and it has one."""
    given = os.environ.get("COMPANION_MIRROR")
    if not given:
        return None
    try:
        mirror = Path(given).expanduser().absolute()
        list(mirror.iterdir())
        return mirror / name if (mirror / name).is_dir() else None
    except (OSError, RuntimeError) as error:
        raise NotThere(
            f"COMPANION_MIRROR must be the full path of a folder: {_reason(error)}"
        ) from None


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
