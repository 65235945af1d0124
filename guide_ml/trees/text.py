"""LightGBM's text of a booster, shortened: what is not needed goes, numbers lose idle digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from guide_ml.table.read import Floats
from guide_ml.trees.files import not_above

if TYPE_CHECKING:
    import lightgbm as lgb

    from guide_ml.trees.native import Native

__all__ = ["short_text"]

#: Only further training needs these. The sizes of trees tell where each begins; without them
#: LightGBM looks for its name.
NEEDLESS = ("leaf_weight=", "internal_weight=", "internal_value=", "tree_sizes=")
TINY = 1e-30  # thresholds around zero have a meaning of their own


def short_text(booster: lgb.Booster | Native) -> str:
    """Write a booster as LightGBM does, in two thirds of the letters.

    Inputs are single-precision numbers, so a threshold may be any number between two of them:
    the one that has nine digits decides the same. Leaves keep six digits, a millionth of what a
    tree adds. Shortened once more, the text stays as it is.
    """
    lines = booster.model_to_string().splitlines(keepends=True)
    return "".join(_short(x) for x in lines if not x.startswith(NEEDLESS))


def _short(line: str) -> str:
    name, _, values = line.partition("=")
    write = _WRITE.get(name)
    if write is None or not values.strip():
        return line
    return f"{name}={write(np.array(values.split(), dtype=float))}\n"


def _thresholds(exact: Floats) -> str:
    """Take the middle of the two single-precision numbers around each threshold."""
    below = not_above(exact)
    middle = 0.5 * (below.astype(float) + np.nextafter(below, np.float32(np.inf)).astype(float))
    usable = (np.abs(exact) > TINY) & np.isfinite(middle)
    return " ".join(f"{m:.9g}" if ok else repr(float(x))
                    for m, ok, x in zip(middle, usable, exact, strict=True))  # fmt: skip


def _digits(count: int) -> Callable[[Floats], str]:
    return lambda values: " ".join(f"{x:.{count}g}" for x in values.tolist())


_WRITE: dict[str, Callable[[Floats], str]] = {
    "threshold": _thresholds, "leaf_value": _digits(6), "split_gain": _digits(3),
}  # fmt: skip
