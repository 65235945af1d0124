"""Measured cases: the distinct deployments of the data by mode, with the loads they were run at.

A case is what a deployment is apart from its load: device, model architecture, engine, layout,
precision and mode. Distances between cases are sums of stated weights, so that a person can
follow them: 0 is the same, about 1 is another engine or a device of another make.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.system.lazily import pandas as pd
from guide_ml.table.assume import Columns
from guide_ml.table.columns import distinct
from guide_ml.table.read import Floats

__all__ = [
    "LOADS", "Cases", "Coded", "Compared", "case_table", "code", "distances", "load_numbers",
]  # fmt: skip

Names = Mapping[str, NDArray[np.object_]]

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
ANOTHER = 0.05

CLOSED = 3.0  # code of mode closed; checked by a test against descriptors.MODES


Cases = dict[str, NDArray[Any]]
"""Cases by column: text as objects, numbers as floats."""


@dataclass(frozen=True)
class Coded:
    """Rows as cases: the distinct ones, and which one each row is.

    Parameters
    ----------
    table : dict of str to array of shape (cases,)
        Keys and compared numbers of the distinct cases.
    index : array of shape (n,)
        Case of each row.
    """

    table: Cases
    index: NDArray[np.intp]


def load_numbers(columns: Columns) -> dict[str, Floats]:
    """Return the logarithms of a load's numbers."""
    return {k: np.log(np.maximum(columns[k], 1.0)) for k in LOADS}


def _first(index: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Return the first row of each code."""
    first = np.zeros(count, dtype=np.intp)
    first[index[::-1]] = np.arange(len(index))[::-1]
    return first


def _model_key(columns: Columns, slugs: NDArray[np.object_]) -> tuple[NDArray[np.intp], list[str]]:
    """Code rows by architecture: total parameters and layers; checkpoints of one share it."""
    index, slug = distinct(slugs)
    text = [f"{columns['m_params_total_b'][i]:.1f}B/{columns['m_num_layers'][i]:.0f}"
            for i in _first(index, len(slug))]  # fmt: skip
    again, keys = distinct(np.asarray(text, dtype=object))
    return again[index], keys


def code(columns: Columns, names: Names) -> Coded:
    """Find the distinct cases among n rows; no loop over rows.

    Parameters
    ----------
    columns, names : dict of str to array of shape (n,)
        Resolved descriptors and names.
    """
    model_index, model_keys = _model_key(columns, names["model"])
    if len(model_index) == 1:  # a single prediction: nothing to tell apart
        return Coded(_describe(columns, names, model_index, model_keys, model_index), model_index)
    joined = model_index.astype(np.int64)
    for name in ("hardware", "framework", "backend"):
        index, values = distinct(names[name])
        joined = joined * (len(values) + 1) + index
    for name in ("mode", "family", "weight_bits", "devices", "tp", "pp"):
        numbers, index = np.unique(columns[name], return_inverse=True)
        joined = joined * (len(numbers) + 1) + index
    codes, where = np.unique(joined, return_inverse=True)
    first = _first(where, len(codes))
    return Coded(_describe(columns, names, model_index, model_keys, first), where)


def _describe(
    columns: Columns, names: Names, model_index: NDArray[np.intp], model_keys: list[str],
    first: NDArray[np.intp],
) -> Cases:  # fmt: skip
    """Lay the distinct cases out as a table, from the first row of each."""
    table: Cases = {k: names[k][first] for k in
                    ("hardware", "architecture", "model", "framework", "backend")}  # fmt: skip
    table["architecture_key"] = np.asarray(model_keys, dtype=object)[model_index[first]]
    for name in ("mode", "family", "weight_bits", "devices", "tp", "pp", *DEVICE, *MODEL,
                 "hw_is_nvidia", "hw_is_amd", "hw_nvlink", "m_mla"):
        table[name] = columns[name][first]
    table["m_is_moe"] = (columns["m_num_experts"][first] > 0).astype(float)
    return table


def case_table(columns: Columns, names: Names) -> Cases:
    """Tell the cases of measured rows, with the range of loads and the rows of each.

    Returns
    -------
    dict of str to array of shape (cases,)
        Keys, compared numbers, ``rows``, ``year`` (median release of the engine), and
        ``<load>_low``, ``<load>_high`` (logarithms).
    """
    coded = code(columns, names)
    table = coded.table
    rows = pd.DataFrame(load_numbers(columns)).groupby(coded.index)
    for name in LOADS:
        table[f"{name}_low"] = rows[name].min().to_numpy()
        table[f"{name}_high"] = rows[name].max().to_numpy()
    table["rows"] = rows.size().to_numpy().astype(float)
    year = pd.Series(columns["fw_release_year"]).groupby(coded.index).median()
    table["year"] = year.to_numpy()
    return table


def _logs(table: Cases, weights: Mapping[str, float]) -> list[Floats]:
    return [np.log(np.maximum(table[k].astype(float), 1e-3)) * w for k, w in weights.items()]


def _kinds(table: Cases, prefix: str) -> list[Floats]:
    return [table[k] * w for k, w in OTHER.items() if k.startswith(prefix)]


#: What is compared by its name; what by the sum of differences of some numbers.
TEXT = ("hardware", "architecture", "architecture_key", "framework", "backend", "mode", "family")


@dataclass(frozen=True)
class Compared:
    """Cases made ready to be compared.

    Parameters
    ----------
    text : dict of str to array of shape (cases,)
        Hashes by name.
    numbers : dict of str to list of array of shape (cases,)
        By kind, weighted: distance is the sum of absolute differences.
    served : array of bool of shape (cases,)
        Mode closed.
    """

    text: dict[str, NDArray[np.int64]]
    numbers: dict[str, list[Floats]]
    served: NDArray[np.bool_]

    @classmethod
    def of(cls, table: Cases) -> Compared:
        """Prepare a table of cases."""
        numbers = {
            "device": [*_logs(table, DEVICE), *_kinds(table, "hw_")],
            "model": [*_logs(table, MODEL), *_kinds(table, "m_")],
            "precision": [BITS * np.log2(table["weight_bits"].astype(float))],
            "layout": [DEVICES * np.log2(table["devices"].astype(float)),
                       TP * np.log2(table["tp"].astype(float))],
        }  # fmt: skip
        # Numbers compare faster than objects; within a process equal texts hash alike.
        text = {k: np.asarray([hash(x) for x in table[k].tolist()], dtype=np.int64) for k in TEXT}
        return cls(text, numbers, table["mode"] == CLOSED)


def distances(asked: Compared, known: Compared) -> dict[str, Floats]:
    """Distance of cases to cases by kind of descriptor, each of shape (asked, known).

    Parameters
    ----------
    asked, known : Compared
        Two sets of cases.

    Returns
    -------
    dict of str to array
        ``device``, ``model``, ``engine``, ``mode``, ``precision``, ``layout``.
    """

    def between(kind: str) -> Floats:
        shape = (len(asked.served), len(known.served))
        out = np.zeros(shape)
        for a, b in zip(asked.numbers[kind], known.numbers[kind], strict=True):
            out += np.abs(a[:, None] - b[None, :])
        return out

    def differ(name: str) -> NDArray[np.bool_]:
        return np.asarray(asked.text[name][:, None] != known.text[name][None, :])

    # Another device or model of equal figures is still another.
    device = between("device") + OTHER_ARCHITECTURE * differ("architecture") + ANOTHER
    model = between("model") + ANOTHER
    return {
        "device": device * differ("hardware"), "model": model * differ("architecture_key"),
        "engine": OTHER_FRAMEWORK * differ("framework") + OTHER_BACKEND * differ("backend"),
        "mode": OTHER_SERVING * (asked.served[:, None] != known.served[None, :])
        + OTHER_MODE * differ("mode"),
        "precision": OTHER_FAMILY * differ("family") + between("precision"),
        "layout": between("layout"),
    }  # fmt: skip
