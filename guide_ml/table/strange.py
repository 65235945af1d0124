"""Columns of a table that no descriptor is called like, and what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable

from guide_ml.errors import nearest
from guide_ml.table.known import DESCRIPTORS

__all__ = ["lacking", "strange"]

#: What every row needs, and what stands between cells where people do not write commas.
NEEDED, DIVIDERS = ("hardware", "model"), {";": "semicolons", "\t": "tabs", "|": "bars"}

#: What people call descriptors elsewhere.
ELSEWHERE = {
    "gpus": "num_devices", "num_gpus": "num_devices", "gpu_count": "num_devices",
    "devices": "num_devices", "n_gpus": "num_devices", "gpu": "hardware", "device": "hardware",
    "accelerator": "hardware", "gpu_type": "hardware", "engine": "framework",
    "backend_version": "framework_version", "engine_version": "framework_version",
    "version": "framework_version", "tensor_parallel": "tp", "tensor_parallel_size": "tp",
    "tp_size": "tp", "pipeline_parallel_size": "pp", "pp_size": "pp", "data_parallel_size": "dp",
    "dp_size": "dp", "ep_size": "ep", "dtype": "weight_dtype", "precision": "weight_dtype",
    "quantization": "weight_dtype", "kv_cache_dtype": "kv_dtype", "isl": "input_len",
    "osl": "output_len", "input_tokens": "input_len", "output_tokens": "output_len",
    "prompt_len": "input_len", "users": "concurrency", "max_concurrency": "concurrency",
    "num_prompts": "num_requests", "batch": "batch_size", "llm": "model", "model_name": "model",
}  # fmt: skip


def strange(columns: Iterable[object]) -> dict[str, str]:
    """List columns that are no descriptor, with the descriptor that each is most like.

    Parameters
    ----------
    columns : iterable
        Names of a table's columns.

    Returns
    -------
    dict of str to str
        Blank where none is like it, or where the table has that one as well.

    Examples
    --------
    >>> strange(["hardware", "gpus", "conccurrency", "note"])
    {'gpus': 'num_devices', 'conccurrency': 'concurrency', 'note': ''}
    """
    names = [str(c) for c in columns]
    out = {}
    for name in names:
        if name in DESCRIPTORS:
            continue
        plain = name.strip().lower().replace("-", "_").replace(" ", "_")
        meant = plain if plain in DESCRIPTORS else ELSEWHERE.get(plain, "")
        if not meant and len(plain) > 3:
            meant = next((d for d in nearest(plain, DESCRIPTORS, 1) if _close(plain, d)), "")
        out[name] = "" if meant in names else meant
    return out


def lacking(columns: Iterable[object], what: str = "the table") -> str:
    """Say that a table lacks what every row needs, and what was probably meant.

    Parameters
    ----------
    columns : iterable
        Names of its columns.
    what : str
        What it is called.

    Returns
    -------
    str
        Blank where it lacks nothing.

    Examples
    --------
    >>> lacking(["hardware", "Model"])
    "the table needs the columns hardware and model; model is missing; is 'Model' meant as model?"
    >>> lacking(["hardware;model"]).partition("; it ")[2]
    'is divided by semicolons: write commas'
    """
    names = [str(c) for c in columns]
    missing = [n for n in NEEDED if n not in names]
    if not missing:
        return ""
    text = (f"{what} needs the columns hardware and model; {' and '.join(missing)}"
            f" {'is' if len(missing) == 1 else 'are'} missing")  # fmt: skip
    if len(names) == 1 and (found := [w for mark, w in DIVIDERS.items() if mark in names[0]]):
        return f"{text}; it is divided by {found[0]}: write commas"
    meant = {m: n for n, m in strange(names).items() if m in missing}
    if meant:
        asked = [f"is {meant[m]!r} meant as {m}?" for m in missing if m in meant]
        return f"{text}; {' '.join(asked)}"
    return f"{text}; it has {', '.join(names) or 'none'}"


def _close(name: str, known: str) -> bool:
    """Tell whether a name is another one but for a slip: as long, and alike for the most part."""
    import difflib  # a table of right columns needs none of it

    return difflib.SequenceMatcher(None, name, known).ratio() > 0.85
