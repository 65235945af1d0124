"""Normal equations of a calibration: dense columns for constants and slopes, sparse for levels.

Rows that share all their levels (the same engine, device, precision, ...) have the same sparse
columns, so products are summed over such rows by knob first, and spread over levels afterwards:
some thousand small matrices instead of tens of thousands of sparse rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from guide_ml.physics.design import Drivers, Term, terms
from guide_ml.physics.knobs import KNOBS
from guide_ml.table.read import Floats

__all__ = ["Design"]


class Design:
    """Which coefficient moves which knob of which row.

    Parameters
    ----------
    rows : Drivers
        n rows of a fit.
    """

    def __init__(self, rows: Drivers) -> None:
        dense, self._sparse = terms(rows)
        self.terms: list[Term] = [*dense, *self._sparse]
        self.sd = np.asarray([t.sd for t in self.terms])
        knob_index = {k.name: i for i, k in enumerate(KNOBS)}
        self._order, self._starts = _alike(rows)
        columns = [rows.numbers[t.name] if t.kind == "slope" else np.ones(rows.n) for t in dense]
        self._dense = np.stack(columns, axis=1)[self._order]
        self._dense_knob = np.asarray([knob_index[t.knob] for t in dense])
        self._blocks(rows, knob_index)

    def _blocks(self, rows: Drivers, knob_index: dict[str, int]) -> None:
        """Every (knob, group) gives alike rows one entry: their level's column."""
        place = {(t.knob, t.kind, t.name): i for i, t in enumerate(self._sparse)}
        first = self._order[self._starts]
        columns, knobs = [], []
        for knob in KNOBS:
            for group, _ in knob.groups:
                level = rows.levels[group]
                lookup = np.asarray([place.get((knob.name, group, x), -1) for x in level])
                columns.append(lookup[rows.codes[group][first]])
                knobs.append(knob_index[knob.name])
        column, self._knob = np.stack(columns, axis=1), np.asarray(knobs)  # (alike, blocks)
        alike, blocks = column.shape
        self._pairs = (column[:, :, None] * len(self._sparse) + column[:, None, :]).ravel()
        source = (np.arange(alike)[:, None] * len(KNOBS) + self._knob).ravel()
        shape = (len(self._sparse), alike * len(KNOBS))
        ones = np.ones(alike * blocks)
        self._spread = sparse.csr_matrix((ones, (column.ravel(), source)), shape=shape)

    def normal(self, slopes: Floats, weight: Floats, residual: Floats) -> tuple[Floats, Floats]:
        """Gauss-Newton matrix and gradient, the prior left out.

        Parameters
        ----------
        slopes : array of shape (n, knobs)
            Derivatives of each row's estimate by knob.
        weight, residual : array of shape (n,)
            Weights of the squares; what the estimate lacks.
        """
        root, count = np.sqrt(weight), len(KNOBS)
        by_knob = (slopes * root[:, None])[self._order]
        dense = self._dense * by_knob[:, self._dense_knob]
        scaled = (root * residual)[self._order]
        right = np.concatenate([by_knob, dense, scaled[:, None]], axis=1)
        ends = np.append(self._starts[1:], len(root))
        sums = np.stack([by_knob[a:b].T @ right[a:b]
                         for a, b in zip(self._starts, ends, strict=True)])  # fmt: skip
        own = sums[:, self._knob[:, None], self._knob].ravel()
        levels = len(self._sparse)
        corner = np.bincount(self._pairs, own, levels * levels).reshape(levels, levels)
        rest = self._spread @ sums[:, :, count:].reshape(len(sums) * count, -1)
        cross, pull = rest[:, :-1], rest[:, -1]
        matrix = np.block([[dense.T @ dense, cross.T], [cross, corner]])
        return matrix, np.concatenate([dense.T @ scaled, pull])


def _alike(rows: Drivers) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Order rows so that those with the same levels follow each other; where each run starts."""
    code = np.zeros(rows.n, dtype=np.intp)
    # In a fixed order: sums in another order round differently.
    for group in dict.fromkeys(name for knob in KNOBS for name, _ in knob.groups):
        joined = code * len(rows.levels[group]) + rows.codes[group]
        code = np.unique(joined, return_inverse=True)[1]
    order = np.argsort(code, kind="stable")
    starts = np.flatnonzero(np.diff(code[order], prepend=-1))
    return order, starts
