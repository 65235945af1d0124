"""The catalogue as data frames, for people who look around in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from guide_ml import catalogue

__all__ = ["list_frameworks", "list_hardware", "list_models"]


def list_hardware() -> pd.DataFrame:
    """Every device of the catalogue.

    Returns
    -------
    DataFrame
        A row each, on its slug: the fields of :class:`guide_ml.Hardware`.

    Examples
    --------
    >>> float(list_hardware().mem_bw_gbs["nvidia-h100-sxm-80gb"])
    3350.0
    """
    return _frame("hardware", catalogue.all_hardware())


def list_models() -> pd.DataFrame:
    """Every model of the catalogue.

    Returns
    -------
    DataFrame
        A row each, on its Hugging Face id: the fields of :class:`guide_ml.Model`.

    Examples
    --------
    >>> int(list_models().num_layers["meta-llama/Llama-3.1-8B-Instruct"])
    32
    """
    return _frame("model", catalogue.all_models())


def list_frameworks() -> pd.DataFrame:
    """Every engine of the catalogue.

    Returns
    -------
    DataFrame
        A row each, on its slug: ``backends``, ``aliases`` (texts) and the newest dated version's
        ``release_year``.

    Examples
    --------
    >>> "cuda" in list_frameworks().backends["vllm"]
    True
    """
    rows = [
        {"framework": slug, "backends": ", ".join(block["backends"]),
         "aliases": ", ".join(block.get("aliases", [])),
         "release_year": catalogue.framework(slug)[0].release_year}
        for slug, block in catalogue.framework_blocks().items()
    ]  # fmt: skip
    return pd.DataFrame(rows).set_index("framework")


def _frame(name: str, found: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([asdict(one) for one in found.values()]).set_index(name)
