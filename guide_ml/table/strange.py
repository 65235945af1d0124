"""Columns of a table that no descriptor is called like, and what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable

from guide_ml.errors import nearest
from guide_ml.table.read import DESCRIPTORS

__all__ = ["strange"]

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


def _close(name: str, known: str) -> bool:
    """Tell whether a name is another one but for a slip: as long, and alike for the most part."""
    import difflib  # a table of right columns needs none of it

    return difflib.SequenceMatcher(None, name, known).ratio() > 0.85
