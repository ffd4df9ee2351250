"""Tables of texts and labels: read one without losing a row, and cut it into parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from companion.runtime import shifted, whole

__all__ = ["read_table", "split_table"]


def read_table(path: Path | str, *, labels: Mapping[str, int] | None = None) -> Any:
    """Read a CSV file with the columns ``text`` and ``label``.

    Every cell is taken as it stands: a review that says no more than *None*, or *NA*, stays a
    text, where ``pandas.read_csv`` would make it a missing value. Line ends of Windows and a byte
    order mark do no harm.

    Parameters
    ----------
    path
        The file, UTF-8, with a first line that names the columns. Others than the two are left
        out.
    labels
        What the file says to the number that it means, such as ``{"neg": 0, "pos": 1}``. By
        default the labels are the whole numbers from 0 on.

    Returns
    -------
    pandas.DataFrame
        The columns ``text``, of str, and ``label``, of int64.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is empty, is no UTF-8, lacks a column, has no row, or a label is none of these.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "reviews.csv"
    ...     _ = path.write_text('text,label\\n"Dull, dull.",neg\\nNone,pos\\n', encoding="utf-8")
    ...     table = read_table(path, labels={"neg": 0, "pos": 1})
    >>> table.values.tolist()
    [['Dull, dull.', 0], ['None', 1]]
    """
    wanted = "a first line with the columns text and label"
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} is empty; wanted {wanted}") from None
    except (UnicodeDecodeError, pd.errors.ParserError) as fault:
        raise ValueError(f"{path} cannot be read as CSV in UTF-8: {fault}") from None
    missing = [name for name in ("text", "label") if name not in table.columns]
    if missing:
        there = ", ".join(map(repr, table.columns))
        raise ValueError(f"{path} lacks {' and '.join(missing)}; wanted {wanted}, got {there}")
    if table.empty:
        raise ValueError(f"{path} has columns and no row")
    known = labels or {str(i): i for i in range(len(table))}
    numbers = table["label"].str.strip().map(known)
    if numbers.isna().any():
        row = int(numbers.isna().to_numpy().argmax())
        said = f"{path} has the label {table['label'].iloc[row]!r} in row {row}"
        advice = f"wanted one of {list(labels)}" if labels else "wanted 0, 1, ...; or pass labels"
        raise ValueError(f"{said}; {advice}")
    return pd.DataFrame({"text": table["text"], "label": numbers.astype("int64")})


def split_table(table: Any, *, validation: int, test: int, seed: int) -> tuple[Any, Any, Any]:
    """Cut a table into three parts by chance: to train on, to choose by, to judge by at the end.

    Parameters
    ----------
    table
        A DataFrame.
    validation, test
        How many rows these parts have, 1 or more. The rest is for training.
    seed
        A whole number, 0 or more.

    Returns
    -------
    tuple of pandas.DataFrame
        ``training, validation, test``. Each row is in just one of them; rows are numbered anew.

    Raises
    ------
    TypeError, ValueError
        If a size is no such number, or no row is left to train on.

    Examples
    --------
    >>> table = pd.DataFrame({"text": list("abcdef"), "label": [0, 1] * 3})
    >>> [len(part) for part in split_table(table, validation=2, test=1, seed=0)]
    [3, 2, 1]
    """
    sizes = whole("validation", validation, 1), whole("test", test, 1)
    if sum(sizes) >= len(table):
        raise ValueError(
            f"validation and test take {sum(sizes)} rows, and the table has {len(table)}: "
            "none is left to train on"
        )
    order = np.random.default_rng(shifted(seed)).permutation(len(table))
    cuts = np.cumsum([len(table) - sum(sizes), sizes[0]])
    training, held, judged = (
        table.iloc[rows].reset_index(drop=True) for rows in np.split(order, cuts)
    )
    return training, held, judged
