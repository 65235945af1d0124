"""Times of steps, read from a surface, and what is noted of each."""

from __future__ import annotations

import math
from typing import Any

from guide_ml.compiled import inner
from guide_ml.simulation.state import BINS, ITL_BINS, ITL_LEAST_S, ITL_RATIO

__all__ = ["beside_s", "bin_of", "decode_s", "note", "note_tokens", "prefill_s"]

_LOG_RATIO = math.log(ITL_RATIO)


@inner
def _place(grid: Any, x: float) -> tuple[int, float]:
    """Find the cell of a grid and the share of the way through it; ends go on straight."""
    j = 0
    while j < len(grid) - 2 and x > grid[j + 1]:
        j += 1
    return j, (x - grid[j]) / (grid[j + 1] - grid[j])


@inner
def decode_s(world: Any, sequences: int, context: float) -> float:
    """Time of a decode step of so many sequences, `context` tokens each on average."""
    row = world.decode[min(sequences, len(world.decode) - 1)]
    j, share = _place(world.contexts, context)
    found: float = row[j] + share * (row[j + 1] - row[j])
    step: float = max(found, 0.2 * row[0])
    return step


@inner
def beside_s(world: Any, sequences: int, context: float) -> float:
    """Time that decoding sequences add to a pass of prompt tokens which they share.

    The pass reads the weights, launches its kernels and is scheduled whether or not others decode
    along: of a decode step there remains what it takes beyond that of one sequence without context.
    """
    more: float = decode_s(world, sequences, context) - world.decode[1, 0]
    return max(more, 0.0)


@inner
def prefill_s(world: Any, tokens: float, attended: float) -> float:
    """Time of a pass of so many prompt tokens that look back on `attended` each on average."""
    i, part = _place(world.grids[0], tokens)
    j, share = _place(world.grids[1], attended)
    table = world.prefill
    low = table[i, j] + share * (table[i, j + 1] - table[i, j])
    high = table[i + 1, j] + share * (table[i + 1, j + 1] - table[i + 1, j])
    took: float = max(low + part * (high - low), 0.2 * table[0, 0])
    return took


@inner
def bin_of(world: Any, time: float) -> int:
    """Find the bin of a time, after making bins wide enough for it."""
    rules, series = world.rules[0], world.series
    while time >= rules.width * BINS:
        for k in range(BINS):
            low, high = 2 * k, 2 * k + 1
            there = high < BINS
            series[k].running = series[low].running + series[high].running if there else 0.0
            series[k].waiting = series[low].waiting + series[high].waiting if there else 0.0
            series[k].used = series[low].used + series[high].used if there else 0.0
            series[k].preempted = series[low].preempted + series[high].preempted if there else 0.0
            series[k].prompt = series[low].prompt + series[high].prompt if there else 0.0
            series[k].hit = series[low].hit + series[high].hit if there else 0.0
            series[k].arrived = series[low].arrived + series[high].arrived if there else 0.0
            series[k].served = series[low].served + series[high].served if there else 0.0
        rules.width *= 2.0
    return int(time / rules.width)


@inner
def note(world: Any, start: float, end: float, running: float, waiting: float, used: float) -> None:
    """Add what held from start to end to the bins that it spans."""
    last, first = bin_of(world, end), bin_of(world, start)
    width = world.rules[0].width
    for k in range(first, last + 1):
        part = min(end, (k + 1) * width) - max(start, k * width)
        world.series[k].running += running * part
        world.series[k].waiting += waiting * part
        world.series[k].used += used * part


@inner
def note_tokens(world: Any, time: float, gap_s: float, tokens: float) -> None:
    """Count tokens that came `gap_s` after those before them."""
    if time >= world.rules[0].since and tokens > 0:
        k = int(math.log(max(gap_s, ITL_LEAST_S) / ITL_LEAST_S) / _LOG_RATIO)
        world.itl[min(k, ITL_BINS - 1)] += tokens
