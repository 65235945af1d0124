"""What the compiled loops work on: requests, step times, an engine's rules, and its books.

Everything is one of a few arrays of records, so that Numba compiles it in seconds. Times are
seconds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BINS", "BOOK", "ENGINE", "ENTRY", "ITL_BINS", "ITL_LEAST_S", "ITL_RATIO", "REQUEST", "RULES",
    "SERIES", "Surface", "World", "idle",
]  # fmt: skip

Array = NDArray[Any]
Floats = NDArray[np.float64]

#: Histogram of the time between tokens: its first bound, and how much wider each bin is.
ITL_LEAST_S, ITL_RATIO, ITL_BINS = 1e-5, 1.02, 1000
#: Bins of what is kept over time; twice as wide whenever a run outgrows them.
BINS = 240

#: A request: when it arrives; its tokens; those whose prompts begin alike (-1: none), of which a
#: group shares so many tokens.
REQUEST = np.dtype([
    ("arrival", "f8"), ("prompt", "i8"), ("answer", "i8"), ("conversation", "i8"),
    ("group", "i8"), ("shared", "i8"),
])  # fmt: skip

#: How an engine schedules: ``seqs`` sequences at once, ``budget`` tokens a step, ``room`` tokens of
#: KV cache, ``extra`` tokens' worth that a sequence takes beside its tokens, ``block`` tokens a
#: block, ``accept`` tokens that a step yields a sequence and ``checked`` that it computes,
#: ``longest`` tokens of a request. ``chunked``: prompts may be cut. ``mixed``: prefills and
#: decodes share steps. ``reserve``: share of the answers to come that must have room before a
#: request is let in. ``remember``: prefixes stay cached; ``found``: share of each prompt that is
#: cached whatever came before; ``shift`` of the dice (0 to 1). The rest is the loops' own: width of
#: the bins, time from which tokens are counted, next request of a closed loop, next order of
#: admission, entries of a replica.
RULES = np.dtype([
    ("seqs", "i8"), ("budget", "i8"), ("room", "f8"), ("extra", "f8"), ("block", "i8"),
    ("accept", "f8"), ("checked", "f8"), ("longest", "f8"), ("chunked", "i8"), ("mixed", "i8"),
    ("reserve", "f8"), ("remember", "i8"), ("found", "f8"), ("ready", "i8"), ("closed", "i8"),
    ("shift", "f8"), ("width", "f8"), ("since", "f8"), ("following", "i8"), ("order", "i8"),
    ("shared", "i8"),
])  # fmt: skip

#: What becomes of a request. ``entry``: when the scheduler sees it; ``first``, ``finish``: first
#: and last token, NaN if refused; ``replica`` that served it; ``hit``: prompt tokens found in the
#: cache; ``evicted``: how often; ``made``: tokens generated; ``todo``, ``done``, ``chunk``: prompt
#: tokens to prefill, done, of this step; ``held``: KV tokens of its own; ``start``: step at which
#: it began to decode; ``order`` of admission; ``pinned``: cached prefix in use; ``link``: who is
#: behind it in a queue.
BOOK = np.dtype([
    ("entry", "f8"), ("first", "f8"), ("finish", "f8"), ("made", "f8"), ("held", "f8"),
    ("start", "f8"), ("replica", "i8"), ("hit", "i8"), ("evicted", "i8"), ("todo", "i8"),
    ("done", "i8"), ("chunk", "i8"), ("order", "i8"), ("pinned", "i8"), ("link", "i8"),
])  # fmt: skip

#: A replica: its time and step; tokens that the decoding ones look back on, KV tokens in use and
#: kept for later; last steps of the decoding ones, summed; tokens that the prefilling ones have to
#: give; time that decoding waited for prefills of their own; requests that decode, prefill and
#: wait; least and most recently used prefix; ends of the queues of those that wait and prefill.
ENGINE = np.dtype([
    ("clock", "f8"), ("step", "f8"), ("context", "f8"), ("used", "f8"), ("kept", "f8"),
    ("promised", "f8"), ("owed", "f8"), ("stall", "f8"), ("decoding", "i8"), ("prefilling", "i8"),
    ("waiting", "i8"), ("oldest", "i8"), ("newest", "i8"), ("head", "i8"), ("tail", "i8"),
    ("pre_head", "i8"), ("pre_tail", "i8"),
])  # fmt: skip

#: A cached prefix: its tokens, its users, its neighbours by last use.
ENTRY = np.dtype([("cached", "f8"), ("uses", "i8"), ("before", "i8"), ("after", "i8")])

#: A decoding request in its replica's heap: its last step, and which one it is.
LAST = np.dtype([("key", "f8"), ("id", "i8")])

#: What is kept over time, sums over replicas: request seconds, token seconds, counts.
SERIES = np.dtype([(name, "f8") for name in (
    "running", "waiting", "used", "preempted", "prompt", "hit", "arrived", "served",
)])  # fmt: skip


class Surface(NamedTuple):
    """Step times of one replica.

    ``decode[b, j]`` is a step of b sequences of ``contexts[j]`` tokens; ``prefill[i, j]`` a pass of
    ``grids[0, i]`` prompt tokens that look back on ``grids[1, j]`` each on average. Beside b
    decoding sequences a prefill costs ``beside[b, 0]`` of that, and a request waits
    ``beside[b, 1]`` seconds for the host while b others are in flight.
    """

    decode: Floats
    contexts: Floats
    prefill: Floats
    grids: Floats
    beside: Floats


class World(NamedTuple):
    """All of a simulation, arrays of records."""

    requests: Array
    books: Array
    engines: Array
    heap: Array
    entries: Array
    series: Array
    itl: Floats
    rules: Array
    decode: Floats
    contexts: Floats
    prefill: Floats
    grids: Floats
    beside: Floats


def idle(
    requests: Array, surface: Surface, rules: Array, replicas: int, width_s: float,
    since_s: float = 0.0,
) -> World:  # fmt: skip
    """Make idle replicas before their first request.

    Parameters
    ----------
    requests, rules : array of REQUEST of shape (n,), of RULES of shape (1,)
        What comes; how it is scheduled, copied.
    surface : Surface
        Times of steps.
    replicas : int
        Queues of their own.
    width_s, since_s : float
        First width of a bin; time from which gaps between tokens are counted.
    """
    n, rules = len(requests), rules.copy()
    names = requests["conversation"].max(initial=-1) + requests["group"].max(initial=-1) + 2
    rules["width"], rules["since"], rules["shared"] = width_s, since_s, names
    rules["following"] = rules["order"] = 0
    books = np.zeros(n, dtype=BOOK)
    books["first"] = books["finish"] = np.nan
    books["pinned"] = books["link"] = -1
    engines = np.zeros(replicas, dtype=ENGINE)
    for name in ("oldest", "newest", "head", "tail", "pre_head", "pre_tail"):
        engines[name] = -1
    entries = np.zeros(replicas * names + n if rules["remember"][0] else 1, dtype=ENTRY)
    entries["before"] = entries["after"] = -1
    heap = np.zeros((replicas, int(rules["seqs"][0]) + 1), dtype=LAST)
    return World(requests, books, engines, heap, entries, np.zeros(BINS, dtype=SERIES),
                 np.zeros(ITL_BINS), rules, *surface)  # fmt: skip
