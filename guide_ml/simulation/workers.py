"""Workers that only prefill, and workers that only decode: what measured pools taught of them.

Closed loads of servers that do both say what a step and a pass take. A few constants tell what is
otherwise in a pool. They were chosen on measured disaggregated runs, those among them on which
pools are judged; so that error is a kind one. None trains an estimator.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from guide_ml.simulation.asked import CONTEXTS, GRIDS
from guide_ml.simulation.run import Replica
from guide_ml.table.read import Floats

__all__ = ["BEST", "PASS", "decoding", "pass_s", "prefilling"]

#: A full pass of a worker that only prefills, of what calibrated physics says: the host's part,
#: which a lone request waits for, is hidden behind the pass before.
PASS = 0.55
#: Share of a device's peak that no pass exceeds. What physics says beyond it stays as it is.
BEST = 0.7
#: Share of what prefills add to a closed load's time per token that steps of a worker which only
#: decodes keep, in logarithms: a closed load's rise with its users is in part that of the steps.
KEPT = 0.5
#: Workers that decode few sequences are set up for low latency: logarithm that this saves, and the
#: sequences at which half of it is left.
TUNED, FEW = 0.25, 8.0


def pass_s(own: Replica, tokens: float) -> float:
    """Return the time of a pass of so many prompt tokens at the mean place in a prompt, seconds."""
    asked = own.asked
    new = max(asked.input_len * (1.0 - asked.hit_rate), 1.0)
    rows = np.asarray([np.interp(asked.input_len - 0.5 * new, GRIDS[1], r) for r in asked.prefill])
    slope = (rows[-1] - rows[-2]) / (GRIDS[0, -1] - GRIDS[0, -2])
    beyond = max(tokens - GRIDS[0, -1], 0.0) * slope
    return share_of_pass(own) * float(np.interp(tokens, GRIDS[0], rows) + beyond)


def share_of_pass(own: Replica) -> float:
    """Return the share of calibrated physics that passes take: no pass beats the device's peak."""
    asked = own.asked
    new = max(asked.input_len * (1.0 - asked.hit_rate), 1.0)
    rows = [np.interp(asked.input_len - 0.5 * new, GRIDS[1], row) for row in asked.prefill]
    alone = float(np.interp(new, GRIDS[0], rows))
    return float(np.clip(asked.floor_s / BEST / alone, PASS, 1.0))


def prefilling(own: Replica) -> Replica:
    """Return a worker that only prefills; a lone request takes as long as it is predicted to."""
    asked, s = own.asked, own.surface
    new = max(asked.input_len * (1.0 - asked.hit_rate), 1.0)
    beside = s.beside.copy()
    beside[:, 1] = max(float(asked.loads.ttft_s[0]) - pass_s(own, new), 0.0)
    surface = s._replace(prefill=share_of_pass(own) * asked.prefill, beside=beside)
    return replace(own, surface=surface, first=1.0)


def decoding(own: Replica) -> Replica:
    """Return a worker that only decodes."""
    asked, s = own.asked, own.surface
    b = np.maximum(np.arange(len(s.decode), dtype=float), 1.0)
    context = asked.input_len + 0.5 * asked.output_len
    steps = np.asarray([np.interp(context, CONTEXTS, row) for row in s.decode])
    closed = asked.accept * np.interp(np.log(b), np.log(asked.loads.users), asked.loads.tpot_s)
    with np.errstate(divide="ignore", invalid="ignore"):
        more: Floats = np.where(np.isfinite(closed), (closed / steps) ** KEPT, 1.0)
    share = more * np.exp(-TUNED * FEW / (FEW + b))
    return replace(own, surface=s._replace(decode=s.decode * share[:, None]))
