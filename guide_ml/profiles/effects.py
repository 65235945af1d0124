"""What deployments have in common, and how alike their errors are for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.descriptors import MODES
from guide_ml.describe.targets import NAMES
from guide_ml.system.lazily import pandas as pd
from guide_ml.table.assume import Columns
from guide_ml.table.read import Floats

__all__ = [
    "COUPLING", "LOADS", "NOISE", "TERMS", "TRAITS", "Term", "covariance", "covariances",
    "log_loads", "prior_variance", "traits", "weighed",
]  # fmt: skip

Names = dict[str, NDArray[np.object_]]

TRAITS = ("hardware", "framework", "model", "weight_dtype", "tp", "pp", "dp", "ep", "spec",
          "kv_bits", "mode", "params_active_b")  # fmt: skip
"""What a correction may depend on beside the load."""

LOADS = ("sequences", "input_len", "output_len", "context_depth")
"""The load: sequences a replica, tokens of the prompt, of the output and before the prompt."""

#: Distance of the logarithm of each at which loads stop being alike.
REACH = (1.6, 2.7, 4.0, 2.7)
#: Tokens before the prompt below which there are as good as none.
SHORT = 256.0

#: Distance of ln(active parameters) at which models stop being alike.
SIZE_SCALE = 0.8


@dataclass(frozen=True)
class Term:
    """One effect that deployments share.

    Parameters
    ----------
    keys : tuple of str
        Traits that must be equal for two deployments to share it.
    sd : tuple of float
        Prior standard deviation on each target of :data:`guide_ml.describe.targets.NAMES`,
        as a logarithm.
    by_size, by_load : bool
        Whether it fades as the models' sizes, the loads differ.
    """

    keys: tuple[str, ...]
    sd: tuple[float, float, float, float]
    by_size: bool = False
    by_load: bool = False


_SETUP = ("hardware", "framework")
_LAYOUT = ("tp", "pp", "dp")
_FINE = ("ep", "spec", "kv_bits")
_SAME = (*_SETUP, *_LAYOUT, *_FINE, "model", "weight_dtype", "mode")
# Maximum likelihood on held-out residuals of devices, in two halves, averaged and rounded by hand;
# noise a little less, for errors after a few rows.
TERMS = (
    Term(("framework",), (0.03, 0.03, 0.03, 0.03)),
    Term(("hardware",), (0.13, 0.10, 0.13, 0.07)),
    Term(("hardware", "mode"), (0.07, 0.10, 0.07, 0.07)),
    Term(_SETUP, (0.07, 0.08, 0.07, 0.08)),
    Term((*_SETUP, "weight_dtype"), (0.10, 0.13, 0.08, 0.10)),
    Term((*_SETUP, *_LAYOUT), (0.08, 0.07, 0.05, 0.10)),
    Term(_SETUP, (0.14, 0.07, 0.07, 0.04), by_size=True),
    Term((*_SETUP, "model"), (0.08, 0.10, 0.05, 0.07)),
    Term(_SAME, (0.07, 0.05, 0.04, 0.05)),
    Term((*_SETUP, "mode"), (0.24, 0.30, 0.14, 0.14), by_load=True),
    Term(_SAME, (0.11, 0.13, 0.14, 0.14), by_load=True),
)
NOISE = (0.10, 0.15, 0.07, 0.10)
"""Standard deviation of one measured log-ratio around all effects, by target."""

COUPLING = np.asarray([
    [1.0, 0.4, 0.8, -0.8],
    [0.4, 1.0, 0.2, -0.35],
    [0.8, 0.2, 1.0, -0.85],
    [-0.8, -0.35, -0.85, 1.0],
])  # fmt: skip
"""Correlation of an effect between targets: what slows a step lowers the throughput."""


def traits(columns: Columns, names: Names) -> pd.DataFrame:
    """Gather the traits and loads of n deployments.

    Parameters
    ----------
    columns, names : dict
        Of :class:`guide_ml.table.assume.Resolved`.

    Returns
    -------
    DataFrame of shape (n, TRAITS + LOADS)
    """
    # Plain objects: for a row or two, pandas' own kind of text costs more than all the rest.
    text: dict[str, Any] = {
        k: pd.Series(names[k], dtype=object)
        for k in ("hardware", "framework", "model", "weight_dtype")
    }
    text |= {k: columns[k] for k in (*_LAYOUT, *_FINE)}
    mode = np.nan_to_num(columns["mode"], nan=0.0).astype(np.intp)
    text["mode"] = pd.Series(np.asarray(MODES, dtype=object)[mode], dtype=object)
    text["params_active_b"] = columns["m_params_active_b"]
    text["sequences"] = np.maximum(columns["batch"] / columns["dp"], 1.0)
    text |= {"input_len": columns["input_len"], "output_len": columns["output_len"],
             "context_depth": columns["depth"]}  # fmt: skip
    return pd.DataFrame(text)[[*TRAITS, *LOADS]]


def log_loads(table: pd.DataFrame) -> Floats:
    """Put loads on scales of which distances count, shape (n, LOADS)."""
    found = [np.log(np.maximum(table[k].to_numpy(float), 1.0)) for k in LOADS[:-1]]
    return np.stack([*found, np.log1p(table[LOADS[-1]].to_numpy(float) / SHORT)], axis=1)


def covariance(
    a: pd.DataFrame, b: pd.DataFrame, target_a: NDArray[np.intp], target_b: NDArray[np.intp],
    terms: tuple[Term, ...] = TERMS,
) -> Floats:  # fmt: skip
    """Say how the log-ratios of two lists of deployments vary together.

    Parameters
    ----------
    a, b : DataFrame of shape (n, TRAITS + LOADS) and (m, TRAITS + LOADS)
        Deployments under their loads.
    target_a, target_b : array of int, of shape (n,) and (m,)
        Index into :data:`guide_ml.describe.targets.NAMES` of the target of each.
    terms : tuple of Term
        Effects to count.

    Returns
    -------
    array of shape (n, m)
    """
    out = np.zeros((len(a), len(b)))
    for sd, shared in zip(_spreads(terms), _shared(a, b, terms), strict=True):
        out += sd[target_a][:, None] * sd[target_b][None, :] * shared
    return np.asarray(out * COUPLING[np.ix_(target_a, target_b)])


def covariances(
    a: pd.DataFrame, b: pd.DataFrame, target_b: NDArray[np.intp], terms: tuple[Term, ...] = TERMS
) -> Floats:
    """Do :func:`covariance` for every target of `a`, shape (4, n, m)."""
    out = np.zeros((len(NAMES), len(a), len(b)))
    for sd, shared in zip(_spreads(terms), _shared(a, b, terms), strict=True):
        mine = shared * sd[target_b]
        for t in range(len(NAMES)):
            out[t] += sd[t] * mine
    return np.asarray(out * COUPLING[:, None, target_b])


def weighed(
    a: pd.DataFrame, b: pd.DataFrame, target_b: NDArray[np.intp], weights: Floats,
    terms: tuple[Term, ...] = TERMS,
) -> Floats:  # fmt: skip
    """Sum :func:`covariances` over `b`, each with its weight: shape (n, 4)."""
    out = np.zeros((len(a), len(NAMES)))
    for sd, shared in zip(_spreads(terms), _shared(a, b, terms), strict=True):
        out += shared @ (COUPLING[:, target_b] * np.outer(sd, sd[target_b] * weights)).T
    return out


def _spreads(terms: tuple[Term, ...]) -> list[Floats]:
    return [np.asarray(t.sd) for t in terms]


def _shared(a: pd.DataFrame, b: pd.DataFrame, terms: tuple[Term, ...]) -> Iterator[Floats]:
    """Say of each effect how far two lists of deployments share it, from 0 to 1."""
    equal = {k: _equal(a[k], b[k]) for k in {k for t in terms for k in t.keys}}
    near = alike = np.ones(())
    if any(t.by_size for t in terms):
        size = [np.log(t["params_active_b"].to_numpy(float)) for t in (a, b)]
        near = np.exp(-0.5 * ((size[0][:, None] - size[1][None, :]) / SIZE_SCALE) ** 2)
    if any(t.by_load for t in terms):
        alike = _alike(a, b)
    for term in terms:
        same = np.logical_and.reduce([equal[k] for k in term.keys])
        yield same * (near if term.by_size else alike if term.by_load else 1.0)


def _alike(a: pd.DataFrame, b: pd.DataFrame) -> Floats:
    """Say how alike two lists of loads are, from 1 to 0: a normal curve over their distance."""
    one, other = (log_loads(t) / REACH for t in (a, b))
    square = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2.0 * one @ other.T
    return np.asarray(np.exp(-0.5 * np.maximum(square, 0.0)))


def _equal(a: pd.Series, b: pd.Series) -> NDArray[np.bool_]:
    codes, _ = pd.factorize(np.concatenate([a.to_numpy(object), b.to_numpy(object)]))
    return np.asarray(codes[: len(a), None] == codes[None, len(a) :])


def prior_variance() -> Floats:
    """Variance of the sum of all effects before any measurement, by target, shape (4,)."""
    return np.asarray([sum(t.sd[i] ** 2 for t in TERMS) for i in range(len(NAMES))])
