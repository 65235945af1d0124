"""What engines refuse of the precisions, devices, models and layouts of a table, and why.

The rules stand in :mod:`guide_ml.launch.refusals`, which starts and searches read too. Here they
are asked once for each distinct combination, so that a million rows cost little more than one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from guide_ml.launch.checkpoints import BLOCK, blocked, published
from guide_ml.launch.refusals import Device, refusal
from guide_ml.precision.dtypes import DTYPES
from guide_ml.table.columns import distinct, joined
from guide_ml.table.read import Codes, Columns, Raw

__all__ = ["precisions_and_models", "sliced"]

Names = dict[str, NDArray[np.object_]]
#: Engines that cut the KV heads as the query heads: whole ones, or whole copies of each.
WHOLE_KV = ("vllm", "sglang")


def precisions_and_models(raw: Raw, names: Names) -> None:
    """Refuse precisions, devices and models that the engine does not run.

    A model that newer versions no longer load stays where no version is stated: what was
    measured so ran on an older one. :mod:`guide_ml.predictions.notes` says it.
    """
    device = raw.codes["hardware"]
    makers = Codes(device.index, [
        None if h is None else f"{h.vendor} {h.architecture}" for h in device.values
    ]).objects()  # fmt: skip
    base = [distinct(names["framework"]), distinct(names["framework_version"]),
            distinct(makers), distinct(names["backend"])]  # fmt: skip
    weights = _weights(raw, names)
    for kind, values, word in (
        ("device", np.full(raw.n, "", dtype=object), "hardware"),
        ("weights", weights, "weight_dtype"), ("kv", _stated(raw, "kv_dtype"), "kv_dtype"),
        ("family", _families(names), "model"),
    ):  # fmt: skip
        index, texts = reduce(joined, [*base, distinct(values)])
        for code, text in enumerate(texts):
            if says := _asked(kind, text):
                raw.fail(index == code, _reason(word, names, values, kind, says))


def _weights(raw: Raw, names: Names) -> NDArray[np.object_]:
    """Return precisions of weights that were stated, or that a GGUF file's name tells."""
    named = names["weight_dtype"]
    index, texts = distinct(named)
    of = [t in DTYPES and DTYPES[t].family == "gguf" for t in texts]
    gguf = np.asarray(of, dtype=bool)[index]
    blank = raw.codes["weight_dtype"].index < 0
    return np.where(blank & gguf, named, _stated(raw, "weight_dtype"))


def _stated(raw: Raw, name: str) -> NDArray[np.object_]:
    """Return a precision where it was stated, blank elsewhere."""
    codes = raw.codes[name]
    return Codes(codes.index, [d.name if d else "" for d in codes.values]).objects()


def _families(names: Names) -> NDArray[np.object_]:
    """Return families; Phi-3-small is of another class than its sisters."""
    index, models = distinct(names["model"])
    small = np.asarray(["Phi-3-small" in m for m in models], dtype=bool)[index]
    return np.where(small, "phi-3-small", names["family"])


def _asked(kind: str, text: str) -> str:
    framework, version, maker, backend, value = text.split("|", 4)
    if maker in ("", "None") or (kind != "device" and value in ("", "None")):
        return ""
    vendor, _, architecture = maker.partition(" ")
    if backend == "cpu" and kind != "family":
        return ""
    return refusal(
        framework, version, kind, value, Device(vendor, architecture), stated_only=kind == "family"
    )


def _reason(
    word: str, names: Names, values: NDArray[np.object_], kind: str, says: str
) -> Callable[[int], str]:
    def tell(i: int) -> str:
        got = names["hardware"][i] if kind == "device" else (
            names["model"][i] if kind == "family" else values[i])  # fmt: skip
        return f"{says}; got {word} {got} on {names['hardware'][i]}"

    return tell


def sliced(raw: Raw, columns: Columns, names: Names) -> None:
    """Refuse layouts that cut KV heads or blocks of fp8 scales."""
    tp, kv = np.maximum(columns["tp"], 1), np.maximum(columns["m_num_kv_heads"], 1)
    uneven = np.where(tp <= kv, np.mod(kv, tp), np.mod(tp, kv)) != 0
    whole = np.isin(names["framework"], WHOLE_KV) & (names["backend"] != "neuron")
    raw.fail(whole & uneven & (columns["m_mla"] == 0), lambda i: (
        f"tp must divide the {kv[i]:.0f} KV heads of {names['model'][i]} or be a multiple of them:"
        f" {names['framework'][i]} keeps whole heads; got tp={tp[i]:g}"))  # fmt: skip
    cut, width, slices = _cut(raw, columns, names)
    raw.fail(cut, lambda i: (
        f"{_checkpoint(names, i)} holds its fp8 scales by blocks of {BLOCK} and"
        f" {names['framework'][i]} refuses to cut them: {width[i]:.0f} over {slices[i]:g} devices"
        f" is {width[i] / slices[i]:g}; give a smaller tp, or ep for a mixture of experts"))


def _checkpoint(names: Names, i: int) -> str:
    model = str(names["model"][i])
    return published(model, "fp8") or model


def _cut(
    raw: Raw, columns: Columns, names: Names
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """Tell which rows cut blocks where the engine refuses that (SGLang on NVIDIA in fp8).

    Returns
    -------
    tuple of array of shape (n,)
        Whether they do; the width that is sliced, an expert's if there are any; in how many parts.
    """
    experts, tp = columns["m_num_experts"] > 0, np.maximum(columns["tp"], 1)
    width = np.where(experts, columns["m_moe_intermediate_size"], columns["m_intermediate_size"])
    group = tp * columns["attention_dp"]
    slices = np.where(experts, group / np.maximum(columns["ep"], 1), tp)
    rest = np.mod(width / slices, BLOCK) != 0
    served = (names["framework"] == "sglang") & (names["backend"] == "cuda")
    may = served & (names["weight_dtype"] == "fp8") & (slices > 1) & rest
    if may.any():
        index, models = distinct(names["model"])
        known = np.asarray([blocked(published(m, "fp8") or m) for m in models])
        may &= known[index]
    return may, width, slices
