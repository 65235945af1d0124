"""What measured open loads taught of first tokens, beyond what closed loads tell.

A lone request of an open load meets what a closed loop does not show, or shows otherwise: an engine
that was idle, the client's and the server's handling of a connection, prompts that come as text.
Each lesson is by how much measured first tokens of lightly loaded runs lay off the simulated ones,
and what deployments share says how far it holds for others: the same best linear prediction that a
profile of one's own runs makes (:mod:`guide_ml.profiles`). ``experiments/14_lessons.py`` writes
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

import numpy as np

from guide_ml.describe.descriptors import MODES
from guide_ml.describe.targets import NAMES
from guide_ml.profiles import Profile, load
from guide_ml.table.assume import Resolved

__all__ = ["FILE", "MOST", "factor", "in_use", "instead", "shipped"]

FILE = Path(__file__).parent / "lessons.json"
#: First tokens are moved by no more than this factor, up and down.
MOST = 2.0


@cache
def shipped() -> Profile:
    """Return the lessons that come with the package."""
    return load(FILE)


_OTHERS: ContextVar[Profile | None] = ContextVar("lessons", default=None)


def in_use() -> Profile:
    """Return the lessons that simulations go by."""
    return _OTHERS.get() or shipped()


@contextmanager
def instead(lessons: Profile) -> Iterator[None]:
    """Go by other lessons, as where some are held out."""
    token = _OTHERS.set(lessons)
    try:
        yield
    finally:
        _OTHERS.reset(token)


def factor(lessons: Profile, one: Resolved) -> float:
    """Tell how many times as long first tokens of an open load take as closed loads say.

    Parameters
    ----------
    lessons : Profile
        What was learned.
    one : Resolved
        The deployment, one row.
    """
    lone = {
        "mode": np.full(1, float(MODES.index("closed"))),
        "batch": np.maximum(one.columns["dp"][:1], 1.0),
    }
    values = {name: np.ones(1) for name in NAMES}
    found = float(lessons.correct(one.columns | lone, one.names, values)["ttft_ms"][0])
    return float(np.clip(found, 1.0 / MOST, MOST))
