"""Neighbours of a deployment, predicted in one call: what would change its figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guide_ml import catalogue
from guide_ml.answers.explanation import Variant, percent
from guide_ml.answers.prediction import Prediction
from guide_ml.describe.targets import NAMES
from guide_ml.precision.dtypes import DTYPES, dtype
from guide_ml.predictions.run import Run
from guide_ml.system.lazily import pandas as pd

__all__ = ["changes", "variants"]

#: Weights must shrink to less than this for a narrower dtype to count as a change.
NARROWER = 0.9


def changes(found: Prediction, asked: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """List what could be changed, in words, and the descriptors that say so.

    Parameters
    ----------
    found : Prediction
        What was predicted.
    asked : dict
        The row that was asked for; what is not in it was assumed.
    """
    return _load(found) | _devices(found, asked) | _weights(found)


def _load(found: Prediction) -> dict[str, dict[str, Any]]:
    w = found.workload
    if w.concurrency:
        twice = 2 * w.concurrency
        return {f"twice the concurrency ({twice:g})": {"concurrency": twice}}
    if w.batch_size:
        return {f"twice the batch ({2 * w.batch_size:g})": {"batch_size": 2 * w.batch_size}}
    return {}


def _devices(found: Prediction, asked: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Split each layer over twice the devices; engines that split by layer: one stage more."""
    d = found.deployment
    engine = catalogue.framework_blocks()[d.framework.framework]
    which = "pp" if engine["split"] == "pp" else "tp"
    more = d.pp + 1 if which == "pp" else 2 * d.tp
    layout = {"tp": d.tp, "pp": d.pp, which: more}
    kept = {k: v for k, v in layout.items() if k == which or k in asked}
    count = layout["tp"] * layout["pp"] * d.dp
    change = kept | {"num_devices": count}
    if "dp" in asked or d.dp > 1:
        change["dp"] = d.dp
    return {f"{count} devices ({which}={more})": change}


def _weights(found: Prediction) -> dict[str, dict[str, Any]]:
    """Take the next narrower weights that the engine and the device have kernels for."""
    d = found.deployment
    device = d.hardware
    bits = dtype(d.weight_dtype).bits
    if d.framework.framework in ("llama.cpp", "ollama"):
        names = ["q8_0", "q4_k_m"]
    else:
        names = ["fp8"] if device.fp8_tflops else ["int8"]
        names += ["nvfp4"] if device.fp4_tflops else ["awq-int4"]
    return {f"{name} weights": {"weight_dtype": name} for name in names
            if DTYPES[name].bits < NARROWER * bits}  # fmt: skip


def variants(
    found: Prediction, asked: dict[str, Any], predict: Callable[[pd.DataFrame], Run]
) -> tuple[Variant, ...]:
    """Predict the neighbours of a deployment; those that are impossible are left out.

    Parameters
    ----------
    found : Prediction
        What was predicted.
    asked : dict
        The row that was asked for.
    predict : callable
        Predicts a table just as the deployment itself was.
    """
    listed = changes(found, asked)
    done = predict(pd.DataFrame([asked | change for change in listed.values()]))
    base = {t: v for t in NAMES if (v := getattr(found, t)) is not None}
    out = []
    for i, (words, change) in enumerate(listed.items()):
        if done.fits[i]:
            values = {t: float(done.outcome.values[t][i]) for t in base}
            moved = {t: percent(values[t] / base[t]) for t in base}
            out.append(Variant(words, change, values, moved))
    return tuple(out)
