"""What is unfolded on demand: latency over load, where the time goes, memory, evidence, starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from guide_ml.answers.explanation import PARTS, TITLES
from guide_ml.answers.prediction import Prediction
from guide_ml.api import predict, predict_table
from guide_ml.errors import GuideError, InvalidInput
from guide_ml.predictions.run import PredictorLike
from guide_ml.table.read import DESCRIPTORS

__all__ = ["details", "load_curve", "starts"]

#: Points of the curve of latency over load, and how far beyond the plan's own load it goes.
POINTS, BEYOND = 16, 8.0
MEMORY = {"weights_gb": "weights of the model", "draft_gb": "what drafts tokens",
          "adapters_gb": "LoRA adapters", "kv_cache_gb": "KV cache: what was read so far",
          "activations_gb": "working memory", "reserved_gb": "kept by driver and engine",
          "free_gb": "free"}  # fmt: skip
"""Parts of a device's memory, in words."""
BESIDE = ("draft_gb", "adapters_gb")
"""Parts that most deployments have none of."""


def details(
    *, copies: int = 1, predictor: PredictorLike | None = None, **deployment: Any
) -> dict[str, Any]:
    """Tell everything of one deployment that a curious reader may unfold.

    Parameters
    ----------
    copies : int
        Copies of it among which the load is shared.
    predictor : Predictor or path, optional
        Other estimators than the ones that come with the package.
    deployment
        As :func:`guide_ml.predict` takes it.

    Returns
    -------
    dict
        ``prediction``, ``memory`` (parts in GB), ``engine_log`` (the same in the words of the
        engine's log at start), ``parts`` (ms by part of each time),
        ``changes`` (neighbours and what they would bring), ``load`` (latency over requests at
        once), ``evidence`` and ``start`` (command, Compose and Kubernetes file, or why not).

    Examples
    --------
    >>> found = details(hardware="l4", model="qwen3-8b", framework="vllm", concurrency=2,
    ...                 input_len=512, output_len=64)
    >>> sorted(found), len(found["load"]["at_once"]) > 4
    (['changes', 'engine_log', 'evidence', 'load', 'memory', 'parts', 'prediction', 'start'], True)
    """
    found = predict(predictor=predictor, **deployment)
    why = found.explain()
    memory = asdict(found.memory)
    parts = {name: {"title": TITLES.get(name, name),
                    "parts": [{"part": k, "words": PARTS.get(k, k), "ms": v * _ms(name)}
                              for k, v in told.items()]}
             for name, told in why.parts.items()}  # fmt: skip
    return {
        "prediction": found.to_dict(),
        "memory": [{"part": k, "words": MEMORY[k], "gb": max(memory[k], 0.0)} for k in MEMORY
                   if k not in BESIDE or memory[k] > 0],
        "engine_log": [{"words": name, "value": value.strip()}
                       for name, value in found.memory.log_sheet().rows],
        "parts": parts,
        "changes": [asdict(v) for v in why.variants],
        "load": load_curve(found, copies, predictor),
        "evidence": [asdict(e) for e in found.evidence],
        "start": starts(found),
    }  # fmt: skip


def _ms(name: str) -> float:
    return 1e3 if name.endswith("_s") else 1.0


def load_curve(
    found: Prediction, copies: int = 1, predictor: PredictorLike | None = None
) -> dict[str, list[Any]]:
    """Predict the same deployment from one request at once to several times its load.

    Returns
    -------
    dict of lists
        ``at_once`` (requests in flight of all copies), ``ttft_ms``, ``tpot_ms``, their
        ``_low`` and ``_high`` ends, their 99th percentiles over requests (``ttft_p99_ms``), and
        ``output_tok_s`` of all copies; empty for a queue.
    """
    now = found.workload.concurrency
    if now is None or found.ttft_ms is None:
        return {}
    most = max(now * BEYOND, 32.0)
    loads = np.unique(np.round(np.geomspace(1.0, most, POINTS)).astype(int))
    loads = np.unique(np.append(loads, int(now)))
    facts = {k: v for k, v in found.to_dict()["deployment"].items()
             if k in DESCRIPTORS and v is not None and k != "num_requests"}  # fmt: skip
    table = pd.DataFrame([facts | {"concurrency": float(n)} for n in loads])
    d = found.deployment
    own: dict[str, Any] = {"hardware": {d.hardware.hardware: d.hardware}, "errors": "report",
                           "models": {d.model.model: d.model}, "predictor": predictor}  # fmt: skip
    told = predict_table(table, **own)
    rare = predict_table(table.assign(ttft_stat="p99", tpot_stat="p99"), level=None, **own)
    kept = told["ttft_ms"].notna().to_numpy()
    names = ("ttft_ms", "tpot_ms", "ttft_ms_low", "ttft_ms_high", "tpot_ms_low", "tpot_ms_high")
    curve: dict[str, list[Any]] = {"at_once": [int(n) * copies for n in loads[kept]]}
    curve |= {name: _plain(told.loc[kept, name]) for name in names}
    curve |= {f"{name}_p99_ms": _plain(rare.loc[kept, f"{name}_ms"]) for name in ("ttft", "tpot")}
    return curve | {"output_tok_s": _plain(told.loc[kept, "output_tok_s"] * copies)}


def _plain(column: pd.Series) -> list[Any]:
    return [None if pd.isna(v) else float(v) for v in column]


def starts(found: Prediction, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Write how a replica is started: ``command``, ``compose``, ``kubernetes``, ``notes``.

    What cannot be started says so in ``refused``.
    """
    try:
        start = found.deployment.launch(found.workload, **(options or {}))
    except GuideError as error:
        return {"refused": str(error)}
    texts: dict[str, Any] = {"command": start.command, "notes": list(start.notes),
                             "image": start.image}  # fmt: skip
    for name in ("compose", "kubernetes"):
        try:
            texts[name] = getattr(start, name)()
        except InvalidInput as error:
            texts[f"{name}_refused"] = str(error)
    return texts
