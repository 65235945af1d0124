"""Rows of disaggregated deployments: both kinds of workers are asked for, then put together."""

from __future__ import annotations

import math

import pandas as pd

from guide_ml.errors import DoesNotFit, InvalidInput
from guide_ml.estimators.predictor import Predictor
from guide_ml.features import memory
from guide_ml.predictions.run import Run, ask, run
from guide_ml.profiles import Profile
from guide_ml.simulation.pooled import LINK_BYTE_S, Split, seen_closed, seen_open
from guide_ml.simulation.pools import worker
from guide_ml.simulation.prepared import prepared
from guide_ml.simulation.reading import OpenRow, as_closed
from guide_ml.simulation.run import Replica
from guide_ml.simulation.steady import Seen
from guide_ml.simulation.workers import decoding, prefilling
from guide_ml.table.assume import Resolved
from guide_ml.table.read import Definitions

__all__ = ["split_ends", "split_seen"]


def split_seen(
    cells: pd.Series, row: OpenRow, decode: Replica, known: Definitions, released: float | None,
    predictor: Predictor, profile: Profile | None, seed: int,
) -> tuple[Seen, float]:  # fmt: skip
    """Predict one disaggregated deployment.

    Parameters
    ----------
    cells : Series
        The row as it came.
    row : OpenRow
        What is asked, lengths filled in.
    decode : Replica
        A rank of a worker that decodes.
    known, released, predictor, profile, seed
        As of :func:`guide_ml.simulation.opened.opened`.

    Returns
    -------
    Seen, float
        What users see; sequences that a worker decodes together.

    Raises
    ------
    InvalidInput, DoesNotFit
        If a worker that prefills cannot be asked for, or does not fit.
    """
    assert row.pools is not None
    one = pd.DataFrame([worker(cells, row.pools, 0)])
    raw, resolved = ask(as_closed(one.drop(columns="mode", errors="ignore"), 1.0), known, released)
    if resolved.errors[0]:
        raise InvalidInput(f"a worker that prefills: {resolved.errors[0]}")
    lone = run(raw, resolved, predictor)
    if not lone.fits[0]:
        raise DoesNotFit(f"a worker that prefills: {lone.shortages()[0]}")
    first = prepared(resolved, 0, predictor, profile)
    own = Split(prefilling(first), decoding(decode), row.pools, _token_s(resolved))
    if row.users is not None:
        found = seen_closed(own, row.users)
    else:
        found = seen_open(own, row.load, row.router, seed)
    running = own.sequences(min(found.served_rps, own.capacities_rps()[1]))
    return found, max(running * decode.asked.replicas, 1.0)


def _token_s(resolved: Resolved) -> float:
    """Seconds that the link of one device takes for its part of the KV cache of a token."""
    c = resolved.columns
    account = memory.extract(c)
    whole = float((c["depth"] + c["input_len"] + c["output_len"])[0])
    need = float((account["kv_need_byte"] / account["replica_batch"])[0])
    return need / max(whole, 1.0) / LINK_BYTE_S


def split_ends(
    row: OpenRow, now: Seen, done: Run, i: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Return both ends of what is predicted, as wide as those of a worker that decodes.

    Parameters
    ----------
    row : OpenRow
        What is asked.
    now : Seen
        What is predicted.
    done : Run
        A worker that decodes, with its sequences in flight and its intervals.
    i : int
        Which row of it.
    """
    assert done.judged is not None
    out: list[dict[str, float]] = []
    for ends, clip in ((done.judged.low, min), (done.judged.high, max)):
        share = {}
        for name in ("ttft_ms", "tpot_ms"):
            factor = float(ends[name][i] / done.outcome.values[name][i])
            share[name] = clip(factor, 1.0) if math.isfinite(factor) else 1.0
        share["e2e_ms"] = share["tpot_ms"]
        found = {name: now.figures[name][row.stats[name]] * f for name, f in share.items()}
        out.append(found | {"output_tok_s": now.output_tok_s / share["tpot_ms"]})
    out[0]["output_tok_s"], out[1]["output_tok_s"] = out[1]["output_tok_s"], out[0]["output_tok_s"]
    return out[0], out[1]
