"""Measured cases: the distinct deployments of the data by mode, with the loads they were run at.

A case is what a deployment is apart from its load: device, model architecture, engine, layout,
precision and mode. Distances between cases are sums of stated weights, so that a person can
follow them: 0 is the same, about 1 is another engine or a device of another make.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml.assume import Columns
from guide_ml.table import Floats

__all__ = ["KEYS", "LOADS", "Coded", "case_table", "code", "distances", "load_numbers"]

Names = Mapping[str, NDArray[np.object_]]

#: What makes a case; text and numbers of these columns are equal within it.
KEYS = ("hardware", "architecture_key", "framework", "backend", "mode", "family", "weight_bits",
        "devices", "tp", "pp")  # fmt: skip
#: Loads, whose measured range each case remembers (logarithms).
LOADS = ("batch", "input_len", "output_len", "depth")

#: Numeric descriptors of a device and of a model whose logarithms are compared, with weights.
DEVICE = {"hw_mem_bw_gbs": 0.4, "hw_fp16": 0.4, "hw_memory_gb": 0.2}
MODEL = {"m_params_total_b": 0.2, "m_params_active_b": 0.3, "m_hidden_size": 0.2,
         "m_num_layers": 0.2}  # fmt: skip
#: Costs of what differs in kind.
OTHER = {"hw_is_nvidia": 0.5, "hw_is_amd": 0.5, "hw_nvlink": 0.1, "m_is_moe": 0.5, "m_mla": 0.5}
OTHER_ARCHITECTURE, OTHER_FRAMEWORK, OTHER_BACKEND = 0.2, 1.0, 0.5
OTHER_SERVING, OTHER_MODE, OTHER_FAMILY = 1.0, 0.4, 0.3
BITS, DEVICES, TP = 0.2, 0.3, 0.2  # a doubling

CLOSED = 3.0  # code of mode closed; checked by a test against descriptors.MODES


@dataclass(frozen=True)
class Coded:
    """Rows as cases: the distinct ones, and which one each row is.

    Parameters
    ----------
    table : DataFrame of shape (cases, ...)
        Keys and compared numbers of the distinct cases.
    index : array of shape (n,)
        Case of each row.
    """

    table: pd.DataFrame
    index: NDArray[np.intp]


def load_numbers(columns: Columns) -> dict[str, Floats]:
    """Return the logarithms of a load's numbers."""
    return {k: np.log(np.maximum(columns[k], 1.0)) for k in LOADS}


def _model_key(columns: Columns, slugs: NDArray[np.object_]) -> tuple[NDArray[np.intp], list[str]]:
    """Code rows by architecture: total parameters and layers; checkpoints of one share it."""
    index, distinct = pd.factorize(slugs, use_na_sentinel=False)
    first = np.zeros(len(distinct), dtype=np.intp)
    first[index[::-1]] = np.arange(len(index))[::-1]
    text = [
        f"{columns['m_params_total_b'][i]:.1f}B/{columns['m_num_layers'][i]:.0f}" for i in first
    ]
    again, keys = pd.factorize(np.asarray(text, dtype=object))
    return again[index], [str(k) for k in keys]


def code(columns: Columns, names: Names) -> Coded:
    """Find the distinct cases among n rows; no loop over rows.

    Parameters
    ----------
    columns, names : dict of str to array of shape (n,)
        Resolved descriptors and names.
    """
    model_index, model_keys = _model_key(columns, names["model"])
    parts: list[tuple[NDArray[np.intp], int]] = [(model_index, len(model_keys))]
    for name in ("hardware", "framework", "backend"):
        index, distinct = pd.factorize(names[name], use_na_sentinel=False)
        parts.append((index, len(distinct)))
    for name in ("mode", "family", "weight_bits", "devices", "tp", "pp"):
        index, values = pd.factorize(columns[name], use_na_sentinel=False)
        parts.append((index, len(values)))
    joined = np.zeros(len(model_index), dtype=np.int64)
    for index, count in parts:
        joined = joined * (count + 1) + index + 1
    where, distinct_codes = pd.factorize(joined)
    first = np.zeros(len(distinct_codes), dtype=np.intp)
    first[where[::-1]] = np.arange(len(where))[::-1]
    return Coded(_describe(columns, names, model_index, model_keys, first), where)


def _describe(
    columns: Columns, names: Names, model_index: NDArray[np.intp], model_keys: list[str],
    first: NDArray[np.intp],
) -> pd.DataFrame:  # fmt: skip
    """Lay the distinct cases out as a table, from the first row of each."""
    table = pd.DataFrame({k: names[k][first].astype(str) for k in
                          ("hardware", "architecture", "model", "framework", "backend")})
    table["architecture_key"] = np.asarray(model_keys, dtype=object)[model_index[first]].astype(str)
    for name in ("mode", "family", "weight_bits", "devices", "tp", "pp", *DEVICE, *MODEL,
                 "hw_is_nvidia", "hw_is_amd", "hw_nvlink", "m_mla"):
        table[name] = columns[name][first]
    table["m_is_moe"] = (columns["m_num_experts"][first] > 0).astype(float)
    return table


def case_table(columns: Columns, names: Names) -> pd.DataFrame:
    """Tell the cases of measured rows, with the range of loads and the rows of each.

    Returns
    -------
    DataFrame of shape (cases, ...)
        Keys, compared numbers, ``rows``, ``year`` (median release of the engine), and
        ``<load>_low``, ``<load>_high`` (logarithms).
    """
    coded = code(columns, names)
    table = coded.table
    rows = pd.DataFrame(load_numbers(columns)).groupby(coded.index)
    for name in LOADS:
        table[f"{name}_low"], table[f"{name}_high"] = rows[name].min(), rows[name].max()
    table["rows"] = rows.size().astype(float)
    table["year"] = pd.Series(columns["fw_release_year"]).groupby(coded.index).median()
    return table


def _logs(table: pd.DataFrame, weights: Mapping[str, float]) -> Floats:
    return np.stack([np.log(np.maximum(table[k].to_numpy(float), 1e-3)) * w
                     for k, w in weights.items()], axis=1)  # fmt: skip


def _between(a: Floats, b: Floats) -> Floats:
    """Sum of absolute differences, shape (len(a), len(b))."""
    out = np.zeros((len(a), len(b)))
    for i in range(a.shape[1]):
        out += np.abs(a[:, i, None] - b[None, :, i])
    return out


def _differ(asked: pd.DataFrame, known: pd.DataFrame, name: str) -> Floats:
    """1 where two tables differ in a column, shape (asked, known)."""
    both = np.concatenate([asked[name].to_numpy(), known[name].to_numpy()])
    index = pd.factorize(both)[0]
    return np.asarray(index[: len(asked), None] != index[None, len(asked) :], dtype=np.float64)


def _kinds(asked: pd.DataFrame, known: pd.DataFrame, prefix: str) -> Floats:
    weights = {k: w for k, w in OTHER.items() if k.startswith(prefix)}
    scale = np.asarray(list(weights.values()))
    return _between(asked[list(weights)].to_numpy(float) * scale,
                    known[list(weights)].to_numpy(float) * scale)  # fmt: skip


def _doublings(asked: pd.DataFrame, known: pd.DataFrame, name: str) -> Floats:
    return _between(np.log2(asked[[name]].to_numpy(float)), np.log2(known[[name]].to_numpy(float)))


def distances(asked: pd.DataFrame, known: pd.DataFrame) -> dict[str, Floats]:
    """Distance of cases to cases by kind of descriptor, each of shape (asked, known).

    Parameters
    ----------
    asked, known : DataFrame
        Of :func:`code` and :func:`case_table`.

    Returns
    -------
    dict of str to array
        ``device``, ``model``, ``engine``, ``mode``, ``precision``, ``layout``.
    """
    device = _between(_logs(asked, DEVICE), _logs(known, DEVICE)) + _kinds(asked, known, "hw_")
    device += OTHER_ARCHITECTURE * _differ(asked, known, "architecture")
    device += 0.05  # another device of equal figures is still another
    device *= _differ(asked, known, "hardware")
    model = _between(_logs(asked, MODEL), _logs(known, MODEL)) + _kinds(asked, known, "m_")
    model += 0.05
    model *= _differ(asked, known, "architecture_key")
    served = (asked["mode"].to_numpy() == CLOSED)[:, None] != (known["mode"].to_numpy() == CLOSED)
    return {
        "device": device, "model": model,
        "engine": OTHER_FRAMEWORK * _differ(asked, known, "framework")
        + OTHER_BACKEND * _differ(asked, known, "backend"),
        "mode": OTHER_SERVING * served + OTHER_MODE * _differ(asked, known, "mode"),
        "precision": OTHER_FAMILY * _differ(asked, known, "family")
        + BITS * _doublings(asked, known, "weight_bits"),
        "layout": DEVICES * _doublings(asked, known, "devices")
        + TP * _doublings(asked, known, "tp"),
    }  # fmt: skip
