"""Equal within rounding: a tolerance belongs to the size of what is compared."""

from __future__ import annotations

from typing import Any

import numpy as np

from companion.runtime import as_array

SHARE = {"float16": 2e-3, "float32": 1e-5, "float64": 1e-9}


def assert_close(ours: Any, theirs: Any, *, share: float | None = None) -> None:
    """Assert that two arrays differ by at most a share of the largest entry that is compared.

    Parameters
    ----------
    ours, theirs
        Numbers, arrays or tensors of one shape.
    share
        Of the largest size in ``theirs``; by default 1e-5 for 32 bits and 1e-9 for 64.
    """
    a, b = as_array(ours), as_array(theirs)
    assert a.shape == b.shape, f"shape {a.shape}, not {b.shape}"
    coarse = min((a.dtype, b.dtype), key=lambda kind: kind.itemsize if kind.kind == "f" else 99)
    share = SHARE.get(coarse.name, 1e-9) if share is None else share
    size = float(np.abs(b).max(initial=0))
    off = float(np.abs(a.astype(float) - b.astype(float)).max(initial=0))
    assert off <= share * size, f"{off:.3g} apart, where {share * size:.3g} is rounding"
