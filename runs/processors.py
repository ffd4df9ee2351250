"""Other processors on this one: settings by which a machine computes as an older one does.

python -m runs.processors NAME COMMAND ...    run a command as on that processor
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import numpy as np

__all__ = ["PROCESSORS", "environment"]

# What numpy may be told to do without: the names that it lists as found on this machine.
_LEVELS = ("X86_V3", "X86_V4", "AVX512_ICL", "AVX512_SPR")

PROCESSORS: Mapping[str, Mapping[str, str]] = {
    "native": {},
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_CBWR": "AVX2",
        "NPY_DISABLE_CPU_FEATURES": " ".join(_LEVELS[1:]),
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
    },
    "oldest": {
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_CBWR": "COMPATIBLE",
        "NPY_DISABLE_CPU_FEATURES": " ".join(_LEVELS),
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Nehalem",
    },
    "threads": {"OMP_NUM_THREADS": "2"},
}


def environment(processor: str = "native") -> dict[str, str]:
    """Return the environment of a process that computes as another processor does.

    Parameters
    ----------
    processor
        ``native``, ``avx2``, ``oldest`` or ``threads`` (two threads). Where nothing else is set,
        one thread.

    Raises
    ------
    ValueError
        If the name is another.
    """
    if processor not in PROCESSORS:
        raise ValueError(f"processor must be one of {', '.join(PROCESSORS)}, got {processor!r}")
    settings = dict(PROCESSORS[processor])
    there = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", [])
    if wanted := settings.pop("NPY_DISABLE_CPU_FEATURES", ""):
        settings["NPY_DISABLE_CPU_FEATURES"] = " ".join(
            name for name in wanted.split() if name in there
        )
    return {"OMP_NUM_THREADS": "1", **os.environ, **settings}


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(str(__doc__))
    os.execvpe(sys.argv[2], sys.argv[2:], environment(sys.argv[1]))
