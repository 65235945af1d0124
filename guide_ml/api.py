"""The two calls that predict: one deployment, or a table of them, by the same path."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np

from guide_ml.answers.prediction import MemoryAccount, Prediction
from guide_ml.describe.descriptors import Framework
from guide_ml.errors import DoesNotFit, InvalidInput
from guide_ml.explaining import Explainer
from guide_ml.predictions import keywords
from guide_ml.predictions.frame import COLUMNS, empty, result
from guide_ml.predictions.run import PredictorLike, Run, ask, run
from guide_ml.predictions.table_checks import once_each, raise_first, tell_strange
from guide_ml.profiles import Profile, ProfileLike, profile_of
from guide_ml.simulation.names import OPEN_COLUMNS, POOL_COLUMNS, says_open
from guide_ml.system.lazily import pandas as pd
from guide_ml.table import given
from guide_ml.table.assume import Resolved
from guide_ml.table.given import FrameworkLike, HardwareLike, ModelLike
from guide_ml.table.interchange import to_pandas
from guide_ml.table.read import Definitions, Raw
from guide_ml.trust.intervals import LEVEL, check_level

__all__ = ["COLUMNS", "LEVEL", "MemoryAccount", "Prediction", "predict", "predict_table"]

#: Arguments of :func:`predict` that are texts, and that are no descriptor; the rest are numbers.
_TEXTS = ("framework_version", "backend", "mode", "weight_dtype", "kv_dtype", "spec_method",
          "ttft_stat", "tpot_stat", "host", "e2e_stat", "router", "draft_model")  # fmt: skip
_OTHERS = ("hardware", "model", "framework", "arrival", "level", "predictor", "profile",
           "accept_unknown")  # fmt: skip

Table = TypeVar("Table")  # whatever kind of table comes, its kind is returned


def predict(
    *,
    hardware: HardwareLike,
    model: ModelLike,
    framework: FrameworkLike | None = None,
    framework_version: str | None = None,
    backend: str | None = None,
    num_devices: int | None = 1,
    tp: int | None = None, pp: int | None = None, dp: int | None = None, ep: int | None = None,
    weight_dtype: str | None = None, kv_dtype: str | None = None, spec_method: str | None = None,
    mode: str | None = None,
    batch_size: float | None = None,
    concurrency: float | None = None, num_requests: float | None = None,
    request_rate_rps: float | None = None,
    input_len: float | None = None, output_len: float | None = None,
    context_depth: float | None = None,
    ttft_stat: str | None = None, tpot_stat: str | None = None,
    gpu_layers: float | None = None, experts_on_cpu: float | None = None,
    host: str | None = None, host_bandwidth_gbs: float | None = None,
    threads: float | None = None, vcpus: float | None = None,
    draft_tokens: float | None = None, accept_len: float | None = None,
    prefix_hit_rate: float | None = None, max_num_seqs: float | None = None,
    max_num_batched_tokens: float | None = None, memory_share: float | None = None,
    max_model_len: float | None = None, enforce_eager: bool | float | None = None,
    block_size: float | None = None, draft_model: str | None = None,
    lora_rank: float | None = None, loras: float | None = None,
    arrival: str | float | None = None, length_cv: float | None = None,
    duration_s: float | None = None, e2e_stat: str | None = None,
    replicas: float | None = None, router: str | None = None,
    prefill_workers: int | None = None, prefill_tp: int | None = None,
    prefill_dp: int | None = None, prefill_ep: int | None = None,
    decode_workers: int | None = None, decode_tp: int | None = None,
    decode_dp: int | None = None, decode_ep: int | None = None,
    level: float | None = LEVEL,
    predictor: PredictorLike | None = None,
    profile: ProfileLike | None = None,
    accept_unknown: bool = False,
) -> Prediction:  # fmt: skip
    """Predict speed and memory of one deployment.

    Parameters
    ----------
    hardware : str, Hardware, dict or path
        Slug or alias, an object, its fields, or a TOML file of them.
    model : str, Model, dict or path
        Hugging Face id, an object, a ``config.json`` as a dict or a path.
    framework : str or Framework, optional
        Serving engine; vLLM if none is given.
    framework_version, backend : str, optional
        Version as the engine writes it; ``cuda``, ``rocm``, ...
    num_devices : int
        Devices of the whole deployment.
    tp, pp, dp, ep : int, optional
        Tensor-, pipeline-, data- and expert-parallel sizes.
    weight_dtype, kv_dtype, spec_method : str, optional
        Precision of weights and KV cache; speculative decoding.
    mode : {"static", "prefill", "decode", "closed", "offline", "open"}, optional
        Follows from the load: static from `batch_size`, closed from `concurrency`, open from
        `request_rate_rps`.
    batch_size, concurrency, num_requests : float, optional
        Requests of a fixed batch; requests in flight at a server, and those of its whole run, or
        of an offline queue.
    request_rate_rps : float, optional
        Requests a second that come, of the whole deployment: they are simulated. With
        `num_requests` or `duration_s` a run so long, its start and its drain included; without,
        the steady state.
    input_len, output_len, context_depth : float
        Mean prompt tokens (not needed for decode) and generated tokens (not needed for prefill)
        a request, and tokens in the KV cache before it.
    ttft_stat, tpot_stat, e2e_stat : {"mean", "median", "p99"}, optional
        Statistic wanted of a server; of an open load also ``p90`` and ``p95``.
    gpu_layers, experts_on_cpu, host, host_bandwidth_gbs, threads, vcpus, draft_tokens, accept_len,
    prefix_hit_rate, max_num_seqs, max_num_batched_tokens, memory_share, max_model_len,
    enforce_eager, block_size, draft_model, lora_rank, loras : optional
        What the engine and the machine were told: :class:`guide_ml.describe.settings.Settings`.
    arrival : str or float, optional
        How requests come: ``poisson``, ``constant``, or a burstiness (below 1 in bursts).
    length_cv : float, optional
        Standard deviation of the lengths over their mean; equal lengths by default.
    duration_s : float, optional
        Seconds for which requests come.
    replicas, router : optional
        Copies of the deployment that share the rate, and how they are chosen: ``least-loaded``,
        ``round-robin`` or ``prefix-aware``. `num_devices` are those of one copy, or of all where
        they are ``replicas * tp * pp``.
    prefill_workers, prefill_tp, prefill_dp, prefill_ep, decode_workers, decode_tp, decode_dp,
    decode_ep : int, optional
        Layout of a disaggregated deployment: how many workers prefill, how many decode, and the
        sizes of one. A worker has ``tp * dp`` devices. The load is a rate or `concurrency`.
    level : float, optional
        Share of like cases that each interval is to hold; ``None`` for none, which is faster.
    predictor : Predictor or path, optional
        Other estimators than the ones that come with the package.
    profile : Profile or path, optional
        Corrections by one's own measurements, from ``guide calibrate``.
    accept_unknown : bool
        Count a ``config.json`` of a type that is not known as Llama even where it states keys
        that may change the structure.

    Returns
    -------
    Prediction
        Of an open load an :class:`guide_ml.simulation.prediction.OpenPrediction`, which has all
        percentiles and tells whether the deployment is overloaded.

    Raises
    ------
    UnknownName, InvalidInput
        If a name is unknown or a value absurd, contradictory or of the wrong type.
    DoesNotFit
        If a device lacks the memory; the message says how much, and what would fit.

    Notes
    -----
    From some 200 predictions of a process on, estimators change once each to a compiled form: the
    same numbers, faster. The call that does it takes some tenths of a second longer, or about two
    seconds where what Numba compiled was not kept on disk.

    Examples
    --------
    >>> import guide_ml
    >>> p = guide_ml.predict(
    ...     hardware="h100", model="llama-3.1-8b-instruct", framework="vllm",
    ...     concurrency=16, input_len=1024, output_len=256)
    >>> p.workload.mode, p.deployment.weight_dtype, p.memory.fits
    ('closed', 'bf16', True)
    >>> p.tpot_ms > 0, p.batch_latency_s is None
    (True, True)
    >>> p.assumed["kv_dtype"]
    'fp16, 16 bits an element'
    """
    said = dict(locals())
    said["enforce_eager"] = keywords.switch(enforce_eager)
    texts = {name: said[name] for name in _TEXTS}
    numbers = {name: value for name, value in said.items() if name not in (*_TEXTS, *_OTHERS)}
    device, llm = given.hardware(hardware), given.model(model, accept_unknown)
    row = keywords.texts(texts, given.framework(framework)) | keywords.numbers(numbers)
    keywords.require_lengths(row)
    row |= {"hardware": device.hardware.strip(), "model": llm.model.strip()}
    known = Definitions({row["hardware"]: device}, {row["model"]: llm})
    released = framework.release_year if isinstance(framework, Framework) else None
    row |= {} if arrival is None else {"arrival": arrival}
    if says_open(row):
        from guide_ml.simulation.answers import predict_open  # Numba takes a second to import

        return predict_open(row, known, released, predictor, check_level(level),
                            profile_of(profile))  # fmt: skip
    asked = ask(row, known, released)
    corrections = profile_of(profile)
    done = _one(*asked, predictor, check_level(level), corrections)
    origin = predictor if isinstance(predictor, str | os.PathLike) else None
    explainer = Explainer(done, row, known, released, corrections, origin)
    words = corrections.words(done.resolved.names) if corrections else ""
    return replace(done.prediction(), explainer=explainer, calibrated=words)


def _one(
    raw: Raw, resolved: Resolved, predictor: PredictorLike | None, level: float | None,
    profile: Profile | None,
) -> Run:  # fmt: skip
    """Predict the only row, or raise what is wrong with it."""
    keywords.raise_if(resolved.errors[0])
    done = run(raw, resolved, predictor, level, profile)
    if done.errors[0]:
        raise InvalidInput(done.errors[0])
    if not done.fits[0]:
        raise DoesNotFit(done.shortages()[0])
    return done


def predict_table(
    table: Table,
    errors: str = "raise",
    predictor: PredictorLike | None = None,
    hardware: Mapping[str, HardwareLike] | Iterable[HardwareLike] | None = None,
    models: Mapping[str, ModelLike] | Iterable[ModelLike] | None = None,
    level: float | None = LEVEL,
    profile: ProfileLike | None = None,
    strict: bool = False,
) -> Table:
    """Predict speed and memory of each deployment of a table.

    Parameters
    ----------
    table : DataFrame of shape (n, any of ``guide_ml.table.read.DESCRIPTORS``)
        What is absent or blank is assumed; ``hardware`` and ``model`` are needed. Other columns
        are left alone. A table of Arrow, Polars or another library that exports Arrow streams
        gives one of its kind.
    errors : {"raise", "report"}
        Whether a bad row raises, or gets its reason in the column ``error``. A row that does
        not fit is not bad: its reason is reported either way.
    predictor : Predictor or path, optional
        Other estimators than the ones that come with the package.
    hardware, models : mapping or iterable, optional
        What the catalogue lacks: by the name that the table uses, or with names of their own.
    level : float, optional
        Share of like cases that each interval is to hold; ``None`` for no intervals and no
        domain, which is faster.
    profile : Profile or path, optional
        Corrections by one's own measurements; rows out of its scope are not touched.
    strict : bool
        Whether a column that is no descriptor is an error. Otherwise one that is called much
        like a descriptor is warned of, once, and others are left alone.

    Returns
    -------
    DataFrame of shape (n, 17)
        On the same index: ``batch_latency_s``, ``ttft_ms``, ``tpot_ms``, ``output_tok_s`` (NaN
        where the mode has none, the row is bad or does not fit); the ends of their intervals,
        ``<metric>_low`` and ``<metric>_high``; ``in_domain`` (measured, interpolated, near or
        far; blank where nothing is predicted), ``memory_fits`` (bool); ``kv_budget_gb`` and
        ``kv_tokens`` (memory for the KV cache of a device, GB, and its tokens in a replica);
        ``error``. With ``level=None`` the first four and the last four. A table with open loads
        also has ``e2e_ms`` and its ends; a row beyond capacity says so in ``error``.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"hardware": ["h100", "l4"], "batch_size": [8, 8]})
    >>> table["model"] = "meta-llama/Llama-3.1-70B-Instruct"
    >>> predict_table(table, errors="report").memory_fits.tolist()
    [False, False]
    """
    keywords.check_errors(errors)
    check_level(level)
    frame, back = to_pandas(table)
    once_each(frame)
    known = Definitions(
        given.named("hardware", hardware, given.hardware), given.named("model", models, given.model)
    )
    if not len(frame):
        blank: Table = back(empty(frame.index, level))
        return blank
    opens = np.zeros(len(frame), dtype=bool)
    if {"request_rate_rps", "mode", *POOL_COLUMNS} & {*frame.columns}:
        from guide_ml.simulation.reading import is_open

        opens = is_open(frame)
    others = frame[~opens] if opens.any() else frame
    asked = None if opens.all() else ask(others, known)
    tell_strange(frame, strict, (*OPEN_COLUMNS, *POOL_COLUMNS))
    parts, wrong = [], []
    if opens.any():
        from guide_ml.simulation import opened, prediction  # Numba takes a second to import

        traffic = opened.opened(frame[opens], known, predictor, level, profile_of(profile))
        parts.append(prediction.table(frame.index[opens], traffic))
        wrong.append(traffic.errors)
    if asked:
        if errors == "raise" and not parts:  # before anything is predicted
            raise_first(others.index, asked[1].errors)
        done = run(*asked, predictor, level, profile_of(profile))
        parts.append(result(others.index, done))
        wrong.append(done.errors)
    order = np.argsort(np.concatenate([np.flatnonzero(opens), np.flatnonzero(~opens)]))
    if errors == "raise":
        raise_first(frame.index, np.concatenate(wrong)[order])
    found: Table = back(parts[0] if len(parts) == 1 else pd.concat(parts).iloc[order])
    return found
