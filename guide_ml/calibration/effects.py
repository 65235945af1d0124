"""What deployments have in common, and how alike their errors are for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml.assume import Columns
from guide_ml.descriptors import MODES
from guide_ml.table import Floats
from guide_ml.targets import NAMES

__all__ = ["COUPLING", "NOISE", "TERMS", "TRAITS", "Term", "covariance", "prior_variance", "traits"]

Names = dict[str, NDArray[np.object_]]

TRAITS = ("hardware", "framework", "model", "weight_dtype", "tp", "pp", "dp", "mode",
          "params_active_b")  # fmt: skip
"""What a correction may depend on. The load is not among them, on purpose."""

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
        Prior standard deviation of the effect on each target of :data:`guide_ml.targets.NAMES`,
        as a logarithm.
    by_size : bool
        Whether it fades as the models' sizes differ.
    """

    keys: tuple[str, ...]
    sd: tuple[float, float, float, float]
    by_size: bool = False


_SETUP = ("hardware", "framework")
_LAYOUT = ("tp", "pp", "dp")
# Maximum likelihood on held-out residuals of devices, in two halves, averaged and rounded by hand.
TERMS = (
    Term(("framework",), (0.05, 0.05, 0.05, 0.05)),
    Term(("hardware",), (0.20, 0.15, 0.20, 0.10)),
    Term(("hardware", "mode"), (0.10, 0.15, 0.10, 0.10)),
    Term(_SETUP, (0.10, 0.12, 0.10, 0.12)),
    Term((*_SETUP, "weight_dtype"), (0.15, 0.20, 0.12, 0.15)),
    Term((*_SETUP, *_LAYOUT), (0.12, 0.10, 0.08, 0.15)),
    Term(_SETUP, (0.22, 0.10, 0.10, 0.06), by_size=True),
    Term((*_SETUP, "model"), (0.12, 0.15, 0.08, 0.10)),
    Term((*_SETUP, *_LAYOUT, "model", "weight_dtype", "mode"), (0.10, 0.08, 0.06, 0.07)),
)
NOISE = (0.16, 0.25, 0.11, 0.16)
"""Standard deviation of one measured log-ratio around all effects, by target."""

COUPLING = np.asarray([
    [1.0, 0.4, 0.8, -0.8],
    [0.4, 1.0, 0.2, -0.35],
    [0.8, 0.2, 1.0, -0.85],
    [-0.8, -0.35, -0.85, 1.0],
])  # fmt: skip
"""Correlation of an effect between targets: what slows a step lowers the throughput."""


def traits(columns: Columns, names: Names) -> pd.DataFrame:
    """Gather the traits of n deployments.

    Parameters
    ----------
    columns, names : dict
        Of :class:`guide_ml.assume.Resolved`.

    Returns
    -------
    DataFrame of shape (n, TRAITS)
    """
    text: dict[str, Any] = {k: names[k] for k in ("hardware", "framework", "model", "weight_dtype")}
    text |= {k: columns[k] for k in _LAYOUT}
    mode = np.nan_to_num(columns["mode"], nan=0.0).astype(np.intp)
    text["mode"] = np.asarray(MODES, dtype=object)[mode]
    text["params_active_b"] = columns["m_params_active_b"]
    return pd.DataFrame(text)[list(TRAITS)]


def covariance(
    a: pd.DataFrame, b: pd.DataFrame, target_a: NDArray[np.intp], target_b: NDArray[np.intp]
) -> Floats:
    """Say how the log-ratios of two lists of deployments vary together.

    Parameters
    ----------
    a, b : DataFrame of shape (n, TRAITS) and (m, TRAITS)
        Deployments.
    target_a, target_b : array of int, of shape (n,) and (m,)
        Index into :data:`guide_ml.targets.NAMES` of the target of each.

    Returns
    -------
    array of shape (n, m)
    """
    out = np.zeros((len(a), len(b)))
    size = [np.log(t["params_active_b"].to_numpy(float)) for t in (a, b)]
    near = np.exp(-0.5 * ((size[0][:, None] - size[1][None, :]) / SIZE_SCALE) ** 2)
    equal = {k: _equal(a[k], b[k]) for k in TRAITS[:-1]}
    for term in TERMS:
        sd = np.asarray(term.sd)
        shared = np.logical_and.reduce([equal[k] for k in term.keys])
        weight = sd[target_a][:, None] * sd[target_b][None, :]
        out += weight * shared * (near if term.by_size else 1.0)
    return np.asarray(out * COUPLING[np.ix_(target_a, target_b)])


def _equal(a: pd.Series, b: pd.Series) -> NDArray[np.bool_]:
    codes, _ = pd.factorize(np.concatenate([a.to_numpy(object), b.to_numpy(object)]))
    return np.asarray(codes[: len(a), None] == codes[None, len(a) :])


def prior_variance() -> Floats:
    """Variance of the sum of all effects before any measurement, by target, shape (4,)."""
    return np.asarray([sum(t.sd[i] ** 2 for t in TERMS) for i in range(len(NAMES))])
