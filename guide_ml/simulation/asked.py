"""What the predictions are asked for, once a deployment: closed loads, passes, room for tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.descriptors import MODES
from guide_ml.estimators.predictor import Predictor
from guide_ml.features import memory
from guide_ml.features.load import build
from guide_ml.physics import passes
from guide_ml.physics.design import drivers
from guide_ml.physics.model import estimate
from guide_ml.profiles import Profile
from guide_ml.table.assume import Columns, Resolved
from guide_ml.table.read import Floats

__all__ = ["CONTEXTS", "GRIDS", "SEQUENCES", "Asked", "Loads", "ask", "rows"]

#: Contexts of decoding sequences at which steps are asked for, tokens.
CONTEXTS = np.asarray([1.0, 512.0, 2048.0, 8192.0, 32768.0, 131072.0])
#: Prompt tokens of a pass, and what each of them looks back on, at which passes are asked for.
GRIDS = np.asarray([
    [1.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0], [1.0, 512.0, 2048.0, 8192.0, 32768.0, 131072.0],
])  # fmt: skip
#: Sequences that decode together, at which steps are asked for.
SEQUENCES = 2.0 ** np.arange(12)
#: Closed loads are asked for up to so many users of a replica.
MOST = 512


@dataclass(frozen=True)
class Loads:
    """What is predicted of closed loads of one replica, arrays of shape (knots,).

    Parameters
    ----------
    users : array of int
        Requests in flight, rising from 1.
    ttft_s, tpot_s : array
        Means, seconds; NaN where there is none.
    """

    users: NDArray[np.int64]
    ttft_s: Floats
    tpot_s: Floats


@dataclass(frozen=True)
class Asked:
    """A deployment, as far as a simulation wants to know it.

    Parameters
    ----------
    loads : Loads
        Closed loads at mean lengths.
    decode : array of shape (sequences, contexts)
        Steps by calibrated physics, seconds, of each number of :data:`SEQUENCES`.
    prefill : array of shape (tokens, attended)
        Passes by calibrated physics, seconds.
    mixing : float
        What a prefill costs beside decodes, of a lone one.
    handling_share : float
        Share of the TTFT of a lone request that the host takes.
    room, extra : float
        Tokens that the KV cache holds; tokens' worth that each sequence takes beside its own.
    seqs : float
        Sequences that the engine runs together at most; infinite where it has no limit.
    budget : float
        Tokens of a pass; infinite where it has no limit.
    accept, checked : float
        Tokens that a step yields a sequence, and that it computes.
    input_len, output_len, hit_rate : float
        Mean lengths in force; share of the prompt that is cached.
    replicas : int
        Data-parallel ranks, each with a queue of its own.
    floor_s : float
        What no lone prompt can be quicker than, seconds.
    """

    loads: Loads
    decode: Floats
    prefill: Floats
    mixing: float
    handling_share: float
    room: float
    extra: float
    seqs: float
    budget: float
    accept: float
    checked: float
    input_len: float
    output_len: float
    hit_rate: float
    replicas: int
    floor_s: float = 0.0


def rows(resolved: Resolved, row: int, count: int, **changed: Floats) -> Resolved:
    """Repeat one row of resolved descriptors, some columns changed."""
    columns = {k: np.full(count, v[row]) for k, v in resolved.columns.items()}
    names = {k: np.full(count, v[row], dtype=object) for k, v in resolved.names.items()}
    return Resolved(columns | changed, names, np.full(count, "", dtype=object))


def ask(
    resolved: Resolved, row: int, predictor: Predictor, profile: Profile | None = None
) -> Asked:
    """Ask all that a simulation needs of one deployment.

    Parameters
    ----------
    resolved : Resolved
        Deployments as closed loads.
    row : int
        Which of them.
    predictor : Predictor
        Estimators.
    profile : Profile, optional
        Corrections by one's own measurements.
    """
    one = rows(resolved, row, 1, mode=np.full(1, float(MODES.index("closed"))))
    c = one.columns
    room, extra, slots = _room(c)
    seqs = float(c["max_seqs"][0])
    most = int(max(min(slots, seqs, MOST), 1))
    users = np.unique(np.append(2 ** np.arange(int(np.log2(most)) + 1), most))
    replicas = int(max(c["dp"][0], 1))
    loads = rows(one, 0, len(users), batch=users * float(replicas))
    outcome = predictor.predict(loads, profile=profile)
    found = outcome.values
    decode, prefill, mixing, share, accept = _passes(predictor, one)
    return Asked(
        Loads(users, found["ttft_ms"] / 1e3, found["tpot_ms"] / 1e3),
        decode, prefill, mixing, share, room, extra, seqs,
        float(c["pass_tokens"][0]), accept, float(1.0 + c["drafted"][0]),
        float(c["input_len"][0]), float(c["output_len"][0]), float(c["hit_rate"][0]), replicas,
        float(np.nan_to_num(outcome.floors["ttft_ms"][0])) / 1e3,
    )  # fmt: skip


def _room(c: Columns) -> tuple[float, float, float]:
    """Tokens in the KV cache, what a sequence takes beside its tokens, sequences that fit.

    The bytes of a sequence are counted as a part for each token and one for the sequence (windows,
    recurrent states), right at its prompt's length and at its full one.
    """
    account = memory.extract(c)
    need = float(account["kv_need_byte"][0] / account["replica_batch"][0])
    whole = float((c["depth"] + c["input_len"] + c["output_len"])[0])
    half = c | {"output_len": np.maximum(c["output_len"] * 0.0, 1.0),
                "input_len": np.maximum(0.5 * c["input_len"], 1.0)}  # fmt: skip
    less = memory.extract(half)
    short = float((half["depth"] + half["input_len"] + half["output_len"])[0])
    part = float(less["kv_need_byte"][0] / less["replica_batch"][0])
    budget = float(account["kv_budget_byte"][0]) / max(float(c["kv_reserve"][0]), 1.0)
    slots = max(float(account["running"][0]), 1.0)
    each = (need - part) / max(whole - short, 1.0)
    if each <= 0.02 * need / whole:  # windows are full or there is no cache: sequences count
        return slots * whole * 1.001, 0.0, slots
    extra = max(need / each - whole, 0.0)
    return max(budget / each, (whole + extra) * 1.001), extra, slots


def _passes(predictor: Predictor, one: Resolved) -> tuple[Floats, Floats, float, float, float]:
    """Ask calibrated physics for steps, passes, their mixing, the host's share, tokens of a step.

    Knobs that hang on the load are those of one user.
    """
    physics = predictor.fitted.physics
    lone = rows(one, 0, 1, batch=one.columns["dp"])
    knobs = physics.knobs(drivers(lone.columns, lone.names, np.zeros(1)))
    load = build(lone.columns)
    single = estimate(load, knobs)
    share = float((single.handling_s / np.maximum(single.targets["ttft_ms"] / 1e3, 1e-9))[0])
    pace = float((single.pace_s / single.step.total_s)[0])
    accept = float(np.nan_to_num(one.columns["accept_len"][0], nan=np.exp(knobs["accepted"][0])))
    accept = max(accept, 1.0) if one.columns["spec"][0] > 0 else 1.0
    b, ctx = (x.ravel() for x in np.meshgrid(SEQUENCES, CONTEXTS, indexing="ij"))
    many = build(rows(lone, 0, len(b)).columns)
    wide = {k: np.full(len(b), v[0]) for k, v in knobs.items()}
    decode = passes.decode_s(many, wide, b, ctx).reshape(len(SEQUENCES), -1) * pace * accept
    n, back = (x.ravel() for x in np.meshgrid(*GRIDS, indexing="ij"))
    many = build(rows(lone, 0, len(n)).columns)
    wide = {k: np.full(len(n), v[0]) for k, v in knobs.items()}
    prefill = passes.prefill_s(many, wide, n, back).reshape(len(GRIDS[0]), -1)
    mixing = float(np.exp(knobs["interference"][0]) / max(one.columns["pp"][0], 1.0))
    return decode, prefill, min(mixing, 1.5), share, accept
