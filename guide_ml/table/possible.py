"""What can exist: layouts, speculation, backends and versions that an engine would start.

One set of rules for single predictions, tables, searches and starts: all go through
:func:`guide_ml.table.assume.resolve`, which asks here last. What an engine refuses is refused;
what merely is slow is left to :mod:`guide_ml.predictions.notes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from guide_ml import catalogue
from guide_ml.describe.descriptors import MODES
from guide_ml.errors import nearest
from guide_ml.table.columns import distinct
from guide_ml.table.read import Columns, Raw
from guide_ml.table.refused import precisions_and_models, sliced

__all__ = ["check", "no_version"]

#: Engines that cut attention by whole heads and refuse a tensor-parallel size that leaves a rest.
WHOLE_HEADS = ("vllm", "sglang", "tensorrt-llm", "tgi", "lmdeploy", "atom")
#: Makers of the devices that a backend drives; others drive those of any maker.
MAKERS = {"cuda": "nvidia", "rocm": "amd", "metal": "apple", "hpu": "intel", "xpu": "intel",
          "rdu": "sambanova"}  # fmt: skip
#: Model families whose checkpoints hold no heads that predict further tokens (MTP).
NO_HEADS = (
    "llama", "codellama", "tinyllama", "qwen-1", "qwen-2", "mistral", "mixtral", "gemma-2",
    "gemma-3", "phi", "falcon", "opt", "bloom", "mpt", "pythia", "yi", "gpt", "granite", "smollm",
    "olmo", "starcoder", "internlm", "stablelm", "deepseek-llm", "deepseek-v2", "deepseek-coder",
)  # fmt: skip
NO_HEADS_EXACTLY = ("qwen-3", "gemma")
#: Words of versions that name no number.
UNNUMBERED = ("nightly", "main", "master", "dev", "head", "latest", "stable", "release", "fork")

Names = dict[str, NDArray[np.object_]]


def check(raw: Raw, columns: Columns, names: Names) -> None:
    """Refuse rows that no engine would start.

    Parameters
    ----------
    raw : Raw
        What the table states; rows get their error.
    columns, names : dict of str to array of shape (n,)
        Resolved descriptors.
    """
    _layout(raw, columns, names)
    _speculation(raw, names)
    _backend(raw, names)
    offline = columns["mode"] == MODES.index("offline")
    raw.fail(offline & np.isfinite(raw.numbers["concurrency"]),
             "mode offline works a queue off and has no concurrency: leave it out, or give mode"
             " closed for a server")  # fmt: skip
    versions = raw.codes["framework_version"]
    for k, version in enumerate(versions.values):
        if version and no_version(version):
            mine = versions.index == k
            raw.fail(mine, partial(_unknown, names["framework"], version))
    precisions_and_models(raw, names)
    sliced(raw, columns, names)


def _layout(raw: Raw, columns: Columns, names: Names) -> None:
    tp, ep, heads = columns["tp"], columns["ep"], columns["m_num_attention_heads"]
    experts, model = columns["m_num_experts"], names["model"]
    # Neuron's compiler pads heads that a layout does not divide.
    whole = np.isin(names["framework"], WHOLE_HEADS) & (names["backend"] != "neuron")
    raw.fail(whole & (np.mod(heads, np.maximum(tp, 1)) != 0), lambda i: (
        f"tp must divide the {heads[i]:.0f} attention heads of {model[i]};"
        f" got tp={tp[i]:g}{_divisors(heads[i], tp[i])}"))  # fmt: skip
    raw.fail((ep > 1) & (experts == 0), lambda i: (
        f"ep spreads experts and {model[i]} has none: leave ep out; got ep={ep[i]:g}"))
    # vLLM gives the first devices one expert more than the others.
    even = (ep > 1) & (experts > 0) & (names["framework"] != "vllm")
    raw.fail(even & (np.mod(experts, np.maximum(ep, 1)) != 0), lambda i: (
        f"ep must divide the {experts[i]:.0f} experts of {model[i]};"
        f" got ep={ep[i]:g}{_divisors(experts[i], ep[i])}"))  # fmt: skip
    devices = columns["devices"]
    raw.fail(ep > devices, lambda i: (
        f"ep must not exceed num_devices; got ep={ep[i]:g} on {devices[i]:g}"))
    group = tp * columns["attention_dp"]
    raw.fail((ep > 1) & (experts > 0) & (np.mod(group, np.maximum(ep, 1)) != 0), lambda i: (
        f"ep must divide tp x dp, the {group[i]:g} devices that share the experts of {model[i]};"
        f" got ep={ep[i]:g}{_divisors(group[i], ep[i])}"))  # fmt: skip
    layers, pp = columns["m_num_layers"], columns["pp"]
    raw.fail(pp > layers, lambda i: (
        f"pp must not exceed the {layers[i]:.0f} layers of {model[i]}; got pp={pp[i]:g}"))


def _divisors(whole: float, asked: float) -> str:
    """Offer the nearest sizes that divide.

    Examples
    --------
    >>> _divisors(40, 3)
    '; 2 and 4 do'
    """
    below = [d for d in range(1, int(asked) + 1) if whole % d == 0]
    above = [d for d in range(int(asked) + 1, int(whole) + 1) if whole % d == 0]
    near = [str(d) for d in (*below[-1:], *above[:1])]
    return f"; {' and '.join(near)} do{'es' * (len(near) == 1)}"


def _speculation(raw: Raw, names: Names) -> None:
    methods = raw.codes["spec_method"]
    drafting = [bool(m) and ("mtp" in m or "nextn" in m) for m in methods.values]
    if not any(drafting):
        return
    asked = np.asarray([*drafting, False], dtype=bool)[methods.index]
    index, families = distinct(names["family"])
    without = np.asarray([_no_heads(f) for f in families], dtype=bool)[index]
    raw.fail(asked & without, lambda i: (
        f"spec_method mtp needs a model that was trained with heads for it; {names['model'][i]}"
        " has none: give eagle3, ngram or draft, or none"))


def _no_heads(family: str) -> bool:
    return family in NO_HEADS_EXACTLY or family.startswith(NO_HEADS)


def _backend(raw: Raw, names: Names) -> None:
    stated = raw.codes["backend"].index >= 0
    if not stated.any():
        return
    devices = raw.codes["hardware"]
    known = {*MAKERS.values()}
    maker = [h.vendor if h is not None and h.vendor in known else "" for h in devices.values]
    vendor = np.asarray([*maker, ""], dtype=object)[devices.index]
    needs = np.asarray([MAKERS.get(str(b), "") for b in names["backend"]], dtype=object)
    wrong = stated & (vendor != "") & (needs != "") & (needs != vendor)
    raw.fail(wrong, lambda i: (
        f"backend {names['backend'][i]} drives devices of {needs[i]};"
        f" {names['hardware'][i]} is of {vendor[i]}: leave backend out"))


def no_version(text: str) -> bool:
    """Tell whether a text can be no engine's version: no digit, and no word for a branch.

    Examples
    --------
    >>> no_version("banana"), no_version("0.11.1"), no_version("nightly-dev"), no_version("vllm")
    (True, False, False, False)
    """
    low = text.strip().lower()
    blocks = catalogue.framework_blocks()
    listed = (v for block in blocks.values() for v in block.get("versions", ()))
    words: Iterable[str] = (*UNNUMBERED, *blocks, *listed)
    return bool(low) and not re.search(r"\d", low) and not any(w in low for w in words)


def _unknown(engines: NDArray[np.object_], version: str, row: int) -> str:
    framework = str(engines[row])
    block = catalogue.framework_blocks().get(framework, {})
    known = [*block.get("versions", ()), *(f"b{b}" for b in block.get("builds", ()))]
    near = nearest(version, known) or known[-3:]
    hint = f": {framework} has {', '.join(near)}" if near else ""
    return (f"framework_version must be a version such as 0.11.1; got {version!r}{hint}."
            " Leave it out for the newest")  # fmt: skip
