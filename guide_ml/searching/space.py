"""Every deployment that is possible: what runs, divides and fits, before anything is scored.

A *configuration* is one replica without its load: device, engine, precisions, layout. A *point*
is a configuration at a concurrency; that is what is predicted. Who rents the machine out, and how
many replicas run, changes no prediction, so offers are settled afterwards, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml import catalogue
from guide_ml.describe.descriptors import Model
from guide_ml.errors import DoesNotFit, InvalidInput
from guide_ml.features.floors import floors
from guide_ml.features.load import SERVER_SLOTS, Load, build
from guide_ml.physics.design import Coefficients, drivers
from guide_ml.physics.drivers import by_load
from guide_ml.physics.model import estimate
from guide_ml.predictions import run
from guide_ml.searching import support
from guide_ml.searching.request import FRAMEWORKS, Request
from guide_ml.table.read import Columns, Definitions, Floats

__all__ = ["CONFIG", "LEVELS", "METRICS", "Ints", "Space", "build_space", "table_of"]

Ints = NDArray[np.intp]

#: Requests in flight a replica: steps of a third at most below 64, of a quarter above.
LEVELS = (1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256,
          320, 384, 448, 512, 640, 768, 1024)  # fmt: skip
#: Users are shared out evenly among up to so many replicas.
MOST_SHARES = 64
#: Sizes of a tensor-, pipeline- or data-parallel group.
SIZES = (1, 2, 4, 8, 16)
#: Bytes of all columns grow with the points; so many are worked on together.
CHUNK = 50_000

METRICS = ("ttft_ms", "tpot_ms", "output_tok_s")

CONFIG = ("hardware", "framework", "weight_dtype", "kv_dtype", "tp", "pp", "dp", "ep")
"""Columns that tell configurations apart."""


@dataclass(frozen=True)
class Space:
    """Points, their configurations, and what physics allows each at best.

    Parameters
    ----------
    configs : DataFrame of shape (m, CONFIG and ``devices``)
        Replicas without their load.
    config : array of int of shape (n,)
        Each point's configuration.
    concurrency : array of shape (n,)
        Requests in flight a replica; NaN for an offline queue.
    bounds : dict of str to array of shape (n,)
        Least ``ttft_ms`` and ``tpot_ms``, most ``output_tok_s``, and ``input_share``: the part of
        a request's least machine time that its prompt takes.
    estimates : dict of str to array of shape (n,)
        The three by calibrated physics alone, which is fast enough for every point and says where
        to look; without a calibration, twice the least time.
    tried : int
        Points before memory was looked at.
    """

    configs: pd.DataFrame
    config: Ints
    concurrency: Floats
    bounds: Columns
    estimates: Columns
    tried: int

    def __len__(self) -> int:
        return len(self.config)


def levels(request: Request) -> Floats:
    """Concurrencies to try; those that share users out evenly are among them."""
    if request.load.offline:
        return np.asarray([np.nan])
    users = request.load.users
    if users is None:
        return np.asarray(LEVELS, dtype=float)
    shares = np.ceil(users / np.arange(1, MOST_SHARES + 1))
    found = np.unique(np.concatenate([np.asarray(LEVELS, dtype=float), shares]))
    return found[found <= SERVER_SLOTS]  # those beyond the users only tell the headroom


def build_space(
    request: Request, offers: pd.DataFrame, physics: Coefficients | None = None
) -> Space:
    """Lay out all points that run, divide and fit.

    Parameters
    ----------
    request : Request
    offers : DataFrame
        Offers that may be taken, from :func:`guide_ml.offers.select`.
    physics : Coefficients, optional
        Calibrated physics.

    Raises
    ------
    InvalidInput
        If no offer or engine is left.
    DoesNotFit
        If the model fits none of the machines.
    """
    largest = offers.groupby("hardware")["num_devices"].max()
    if most := request.constraints.max_devices:
        largest = offers[offers["num_devices"] <= most].groupby("hardware")["num_devices"].max()
    if largest.empty:
        raise InvalidInput("no offer is left: loosen hardware, vendors, providers, regions, prices"
                           " or max_devices (`guide prices` lists the offers)")  # fmt: skip
    configs = _configs(request, {str(k): int(v) for k, v in largest.items()})
    if configs.empty:
        raise InvalidInput("no engine that is allowed serves the precisions that are allowed on"
                           f" {', '.join(map(str, largest.index[:5]))}; loosen frameworks,"
                           " weight_dtypes or hardware")  # fmt: skip
    loads = levels(request)
    config = np.repeat(np.arange(len(configs)), len(loads))
    concurrency = np.tile(loads, len(configs))
    slots, bounds, estimates = _limits(request, configs, loads, physics)
    dp = configs["dp"].to_numpy(float)[config]
    asked = np.nan_to_num(concurrency, nan=1.0)
    room = (slots >= np.maximum(asked / dp, 1.0)) & (asked / dp <= SERVER_SLOTS)
    keep = np.flatnonzero(room & (asked >= dp))
    if not len(keep):
        raise DoesNotFit(_too_big(request.model, largest, bounds["weights_gb"], configs))
    used, config = np.unique(config[keep], return_inverse=True)
    return Space(configs.iloc[used].reset_index(drop=True), config.astype(np.intp),
                 concurrency[keep], {k: v[keep] for k, v in bounds.items()},
                 {k: v[keep] for k, v in estimates.items()}, len(concurrency))  # fmt: skip


def _configs(request: Request, largest: dict[str, int]) -> pd.DataFrame:
    """Cross devices, engines, precisions and layouts, and keep what runs and divides."""
    asked, model = request.constraints, request.model
    names = tuple(catalogue.framework(f)[0].framework for f in asked.frameworks) or FRAMEWORKS
    rows: list[tuple[Any, ...]] = []
    for slug, most in largest.items():
        device = catalogue.hardware(slug)
        for framework in names:
            if not (support.runs(device, framework) and support.loads(device, framework, model)):
                continue
            if not (asked.frameworks or support.starts(device, framework)):
                continue  # nobody asked for what cannot be started
            by_layer = catalogue.framework_blocks()[framework]["split"] == "pp"
            spreads = _layouts(model, most, by_layer)
            for weights in support.weight_dtypes(device, framework, model, asked.weight_dtypes):
                whole = [s for s in spreads
                         if support.lays_out(device, framework, model, weights, s)]
                for kv in support.kv_dtypes(device, framework, asked.kv_dtypes):
                    rows += [(slug, framework, weights, kv, *layout) for layout in whole]
    out = pd.DataFrame(rows, columns=list(CONFIG))
    out["devices"] = (out["tp"] * out["pp"] * out["dp"]).astype(int) if len(out) else 0
    return out


def _layouts(model: Model, most: int, by_layer: bool) -> list[tuple[int, int, int, int]]:
    """List (tp, pp, dp, ep) of one replica on up to `most` devices.

    Heads divide by tp, and KV heads too or are copied whole times. Only a mixture of experts has
    dp > 1: attention replicas that share the experts.
    """
    heads, kv = model.num_attention_heads, max(model.num_kv_heads, 1)
    found = []
    for tp in SIZES:
        even = heads % tp == 0 and (kv % tp == 0 or tp % kv == 0)
        if not even or (by_layer and tp > 1):
            continue
        for pp in (s for s in SIZES if s <= min(model.num_layers, 16 if by_layer else 4)):
            for dp in SIZES if model.num_experts else (1,):
                if tp * pp * dp <= most:
                    whole = tp * dp
                    spread = {1, whole} if model.num_experts and dp == 1 else {whole}
                    for ep in spread if model.num_experts else {1}:
                        if not model.num_experts or model.num_experts % ep == 0:
                            found.append((tp, pp, dp, ep))
    return found


def table_of(request: Request, configs: pd.DataFrame, concurrency: Floats) -> pd.DataFrame:
    """Lay replicas and their loads out as a table for :func:`guide_ml.predict_table`."""
    w = request.workload
    out = configs[list(CONFIG)].reset_index(drop=True)
    if not request.model.num_experts:
        out = out.drop(columns=["dp", "ep"])
    out["num_devices"] = configs["devices"].to_numpy()
    out["model"] = request.model.model
    out["input_len"], out["output_len"] = w.input_len, w.output_len
    out["context_depth"] = w.context_depth
    out["mode"] = "offline" if request.load.offline else "closed"
    if not request.load.offline:
        out["concurrency"] = concurrency
        out["ttft_stat"], out["tpot_stat"] = w.ttft_stat, w.tpot_stat
        if w.num_requests is not None:
            out["num_requests"] = w.num_requests
    return out


def _limits(
    request: Request, configs: pd.DataFrame, loads: Floats, physics: Coefficients | None
) -> tuple[Floats, Columns, Columns]:
    """Sequences an attention replica holds, bounds and estimates, of configurations x loads."""
    known = Definitions({}, {request.model.model: request.model})
    first = np.full(len(configs), np.nanmax(np.append(loads[:1], 1.0)))
    _, resolved = run.ask(table_of(request, configs, first), known)
    bad = resolved.errors != ""
    with np.errstate(invalid="ignore", divide="ignore"):
        held = build(resolved.columns).held
    moved_by = drivers(resolved.columns, resolved.names, np.zeros(len(configs)), held)
    knobs = {} if physics is None else physics.knobs(moved_by)
    size = max(CHUNK // len(loads), 1)
    parts = []
    for start in range(0, len(configs), size):
        rows = slice(start, start + size)
        columns, mine, own = ({k: np.repeat(v[rows], len(loads)) for k, v in some.items()}
                              for some in (resolved.columns, knobs, moved_by.numbers))  # fmt: skip
        if not request.load.offline:
            columns["batch"] = np.tile(loads, len(columns["batch"]) // len(loads))
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            load = build(columns)
            if physics is not None:
                physics.carry(mine, own, by_load(columns, load.held))
            parts.append(_bounds(load, np.repeat(bad[rows], len(loads)), mine))
    joined = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
    estimates = {m: joined.pop(f"estimated_{m}") for m in METRICS}
    return joined.pop("slots"), joined, estimates


def _bounds(load: Load, bad: NDArray[np.bool_], knobs: Columns) -> Columns:
    least = floors(load)
    decode = load.step.floor_s * load.columns["output_len"] / load.held
    told = estimate(load, knobs).targets if knobs else {
        m: least[m] * (0.5 if m == "output_tok_s" else 2.0) for m in METRICS}  # fmt: skip
    slots = np.where(bad | (load.memory["fits"] < 1), 0.0, load.memory["slots"])
    return {
        "slots": slots, **{m: least[m] for m in METRICS},
        **{f"estimated_{m}": told[m] for m in METRICS},
        "input_share": load.one.floor_s / (load.one.floor_s + decode),
        "weights_gb": load.memory["weights_byte"] / 1e9,
    }  # fmt: skip


def _too_big(model: Model, largest: pd.Series, weights_gb: Floats, configs: pd.DataFrame) -> str:
    count = {str(s): int(n) for s, n in largest.items()}
    memory = {s: catalogue.hardware(s).memory_gb * n for s, n in count.items()}
    best = max(memory, key=lambda s: memory[s])
    return (
        f"{model.model} fits none of the machines that are allowed: its weights take"
        f" {np.nanmin(weights_gb):,.0f} GB a device at best, the largest machine is"
        f" {count[best]} x {best} ({memory[best]:,.0f} GB); allow more hardware, narrower"
        " weight_dtypes or shorter requests"
    )
