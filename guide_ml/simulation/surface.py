"""A surface of step times under which closed loops take as long as they are predicted to.

Calibrated physics gives its shape. Then closed loops are simulated, and three factors for each
number of users are moved until time to first token and time per token are what is predicted: of
the decode steps, of what a prefill costs beside decodes, and the time that a request spends with
the host.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.simulation.asked import CONTEXTS, GRIDS, SEQUENCES, Asked, Loads
from guide_ml.simulation.requests import GOLDEN
from guide_ml.simulation.routing import run_closed
from guide_ml.simulation.state import REQUEST, Surface, idle
from guide_ml.table.read import Floats

__all__ = ["Factors", "fit", "surface"]

#: Requests of each user in a closed loop, as of a usual benchmark.
ROUNDS = 10
#: Loops of few users are short, so several are taken: until there are so many requests.
ENOUGH = 160
#: Lengths of a loop differ by this share up and down where nothing is said: equal ones would move
#: in step for ever, and so they do in a benchmark of equal lengths.
SPREAD = 0.2
#: Corrections of the factors; each simulates all loops once.
TURNS = 12
#: A loop is right that is off by less than this share.
NEAR = 0.01
#: Decode steps are never less than this share of the lone user's by physics.
LEAST_STEP = 0.1
#: A prefill beside decodes costs no more than a lone one, to begin with: calibrated physics counts
#: whole decode steps on top, and its factor holds what bursts of closed loops add. Measured open
#: loads see neither.
MIXING = 1.0
#: How much more of TTFT a change of the spare time brings, in turns that were taken: bounds.
SLOPES = (0.4, 2.5)


@dataclass
class Factors:
    """What the shape is multiplied with, arrays of shape (knots,), and for all prefills.

    Parameters
    ----------
    decode : array
        Factor of decode steps.
    spare : array
        What is left of TTFT for the host, as a share of it. Where prefills alone take longer, it is
        below 0, and prefills beside decodes cost e to its power.
    mixing : float
        What a prefill costs beside decodes, of a lone one, where time is left.
    prefill : float
        Factor of prefills.
    """

    decode: Floats
    spare: Floats
    mixing: float
    prefill: float

    def copy(self) -> Factors:
        """Return one that can be changed."""
        return replace(self, decode=self.decode.copy(), spare=self.spare.copy())


def fit(asked: Asked, rules: NDArray[Any], spread: float = SPREAD) -> Surface:
    """Find the surface of a deployment.

    Parameters
    ----------
    asked : Asked
        What is predicted.
    rules : array of RULES of shape (1,)
        How its engine schedules.
    spread : float
        Share by which the lengths of the loops differ up and down.
    """
    asked = _within(asked, rules)
    loads, seqs = asked.loads, int(rules["seqs"][0])
    factors = _first(asked)
    if asked.output_len <= 1.0 or not np.isfinite(loads.tpot_s).all():
        return surface(asked, factors, seqs)
    search = Search(factors)
    for turn in range(TURNS):
        now = surface(asked, factors, seqs)
        found = np.full((2, len(loads.users)), np.nan)
        for k in np.flatnonzero(search.least >= NEAR):
            found[:, k] = _closed(_loop(asked, int(loads.users[k]), spread), now, rules,
                                  int(loads.users[k]))  # fmt: skip
        late, slow = found[0] / loads.ttft_s - 1.0, found[1] / loads.tpot_s - 1.0
        search.note(late, slow, factors)
        if search.least.max() < NEAR:
            break
        change = slow * loads.tpot_s * asked.accept / _steps(asked)
        search.step(late, change, factors, 1.0 if turn < TURNS // 2 else 0.5)
    return surface(asked, search.best, seqs)


class Search:
    """The factors that were best so far, number of users by number of users.

    Parameters
    ----------
    factors : Factors
        Where it begins.
    """

    def __init__(self, factors: Factors) -> None:
        n = len(factors.spare)
        self.best, self.least = factors.copy(), np.full(n, np.inf)
        self.slope, self.before = np.ones(n), np.full((2, n), np.nan)
        self.low, self.high = np.full(n, -6.0), np.full(n, 1.0)

    def note(self, late: Floats, slow: Floats, factors: Factors) -> None:
        """Keep the factors of the loops that were never as near; NaN is no loop."""
        off = np.where(np.isnan(late), np.inf, np.maximum(np.abs(late), np.abs(slow)))
        better = off < self.least
        self.least[better] = off[better]
        self.best.decode[better] = factors.decode[better]
        self.best.spare[better] = factors.spare[better]

    def step(self, late: Floats, change: Floats, factors: Factors, gain: float) -> None:
        """Move the factors of loops that are not near, in place."""
        moved, spare = factors.spare - self.before[0], factors.spare
        told = (late - self.before[1]) / np.where(np.abs(moved) > 1e-3, moved, np.nan)
        self.slope = np.where(np.isfinite(told), np.clip(told, *SLOPES), self.slope)
        self.before = np.stack([spare.copy(), late])
        self.low = np.where(late < 0.0, np.maximum(self.low, spare), self.low)
        self.high = np.where(late > 0.0, np.minimum(self.high, spare), self.high)
        wanted = spare - gain * np.nan_to_num(late) / self.slope
        inside = (wanted > self.low) & (wanted < self.high)
        between = self.low < self.high
        wanted = np.where(inside | ~between, wanted, 0.5 * (self.low + self.high))
        # What bounds them was found while the others moved, too, so it does not hold for ever.
        self.low, self.high = self.low - 0.02, self.high + 0.02
        far = self.least >= NEAR
        factors.spare = np.where(far, np.clip(wanted, -6.0, 1.0), self.best.spare)
        decode = np.maximum(factors.decode - gain * np.nan_to_num(change),
                            LEAST_STEP * factors.decode[0])  # fmt: skip
        factors.decode = np.where(far, decode, self.best.decode)


def _within(asked: Asked, rules: NDArray[Any]) -> Asked:
    """Leave out loads that the engine would not run together."""
    whole = 1.1 * (asked.input_len + asked.output_len) + asked.extra
    most = min(float(rules["seqs"][0]), asked.room / whole)
    keep = asked.loads.users <= max(most, 1.0)
    loads = asked.loads
    kept = Loads(loads.users[keep], loads.ttft_s[keep], loads.tpot_s[keep])
    return replace(asked, loads=kept)


def _steps(asked: Asked) -> Floats:
    """Decode steps by physics at the mean context, of each number of users."""
    context = asked.input_len + 0.5 * asked.output_len
    steps = np.asarray([np.interp(context, CONTEXTS, row) for row in asked.decode])
    return np.asarray(np.interp(asked.loads.users, SEQUENCES, steps))


def _first(asked: Asked) -> Factors:
    """Begin with what a lone user is predicted to see, and with what physics says of prefills."""
    loads, lone = asked.loads, asked.loads.ttft_s[0]
    handling = min(max(asked.handling_share, 0.0), 0.7) * lone
    new = max(asked.input_len * (1.0 - asked.hit_rate), 1.0)
    alone = _bilinear(asked.prefill, new, asked.input_len - 0.5 * new)
    steps, tpot = _steps(asked), loads.tpot_s
    mixing = min(asked.mixing, MIXING)
    others = (loads.users - 1.0) * mixing * (lone - handling)
    own = tpot * asked.accept - others / max(asked.output_len, 1.0)
    decode = np.nan_to_num(np.maximum(own, LEAST_STEP * steps) / steps, nan=1.0)
    return Factors(decode, handling / loads.ttft_s, mixing, (lone - handling) / alone)


def surface(asked: Asked, factors: Factors, seqs: int) -> Surface:
    """Lay the factors over the shape, for every number of sequences."""
    b = np.arange(seqs + 1, dtype=float)
    at, knots = np.log(np.maximum(b, 1.0)), np.log(asked.loads.users)
    steps = np.stack([np.interp(b, SEQUENCES, column) for column in asked.decode.T], axis=1)
    steps *= np.interp(at, knots, factors.decode)[:, None]
    mixing = factors.mixing * np.exp(np.minimum(factors.spare, 0.0))
    handling = np.maximum(factors.spare, 0.0) * asked.loads.ttft_s
    beside = np.stack([np.interp(at, knots, mixing), np.interp(at, knots, handling)], axis=1)
    # A request finds the others: b of them make it one of b + 1.
    beside[:-1] = beside[1:]
    return Surface(steps, CONTEXTS, asked.prefill * factors.prefill, GRIDS, beside)


def _loop(asked: Asked, users: int, spread: float) -> NDArray[Any]:
    """Make the requests of closed loops, a row each; lengths differ evenly."""
    n = ROUNDS * users
    found = np.zeros((max(-(-ENOUGH // n), 1), n), dtype=REQUEST)
    turns = np.arange(1, found.size + 1).reshape(found.shape)
    for name, mean, step in (("prompt", asked.input_len, GOLDEN),
                             ("answer", asked.output_len, np.sqrt(2.0) - 1.0)):  # fmt: skip
        share = 1.0 + spread * (2.0 * np.mod(turns * step, 1.0) - 1.0)
        found[name] = np.maximum(np.rint(mean * share), 1.0)
    found["conversation"] = found["group"] = -1
    return found


def _closed(
    loops: NDArray[Any], now: Surface, rules: NDArray[Any], users: int
) -> tuple[float, float]:
    """Simulate closed loops; return mean TTFT and TPOT."""
    own = rules.copy()
    own["closed"], own["remember"] = 1, 0
    found = []
    for loop in loops:
        world = idle(loop, now, own, 1, 1.0)
        run_closed(world, users)
        books, further = world.books, np.maximum(loop["answer"] - 1.0, 1.0)
        ttft = books["first"] - loop["arrival"]
        found.append((np.nanmean(ttft), np.nanmean((books["finish"] - books["first"]) / further)))
    ttft_s, tpot_s = np.mean(found, axis=0)
    return float(ttft_s), float(tpot_s)


def _bilinear(table: Floats, tokens: float, attended: float) -> float:
    rows = np.asarray([np.interp(attended, GRIDS[1], row) for row in table])
    return float(np.interp(tokens, GRIDS[0], rows))
