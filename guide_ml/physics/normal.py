"""Normal equations of a calibration: dense columns for constants and slopes, sparse for levels.

Rows that share all their levels (the same engine, device, precision, ...) have the same sparse
columns, so products are summed over such rows by knob: some thousand small matrices. The matrix of
all coefficients is never formed; conjugate gradients (Hestenes and Stiefel, J. Res. NBS 49, 1952)
need its products with vectors only, which go from levels to knobs, through the small matrices,
and back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

from guide_ml.physics.design import Drivers, Term, terms
from guide_ml.physics.knobs import KNOBS
from guide_ml.table.read import Floats

__all__ = ["Design", "Normal"]

#: Error, beside that of no step at all, at which conjugate gradients stop; and their steps at most.
CLOSE, MOST_STEPS = 1e-3, 300


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
        column = np.stack(columns, axis=1)  # (alike, blocks)
        alike, blocks = column.shape
        source = (np.arange(alike)[:, None] * len(KNOBS) + np.asarray(knobs)).ravel()
        shape = (len(self._sparse), alike * len(KNOBS))
        ones = np.ones(alike * blocks)
        self._spread = sparse.csr_matrix((ones, (column.ravel(), source)), shape=shape)
        self._gather = self._spread.T.tocsr()

    def normal(self, slopes: Floats, weight: Floats, residual: Floats) -> Normal:
        """Gauss-Newton equations, the prior left out.

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
        own, cross = sums[:, :, :count], sums[:, :, count:-1]
        pull = self._spread @ sums[:, :, -1].ravel()
        gradient = np.concatenate([dense.T @ scaled, pull])
        squares = np.einsum("akk->ak", own)
        # A level moves a knob of a row once, so no products of two knobs lie on its diagonal.
        diagonal = self._spread @ squares.ravel()
        return Normal(self._spread, self._gather, np.ascontiguousarray(own),
                      np.asarray(self._spread @ cross.reshape(-1, cross.shape[2])),
                      dense.T @ dense, diagonal, gradient)  # fmt: skip


@dataclass(frozen=True)
class Normal:
    """Equations ``matrix @ x = gradient`` of d dense and s sparse coefficients.

    Parameters
    ----------
    spread, gather : sparse arrays
        From (alike rows x knobs) to levels, and back.
    own : array of shape (alike, knobs, knobs)
        Products of slopes, summed over alike rows.
    cross : array of shape (s, d)
        Products of levels with dense columns.
    corner : array of shape (d, d)
        Products of dense columns.
    levels : array of shape (s,)
        Diagonal of the levels' part.
    gradient : array of shape (d + s,)
        Right-hand side.
    """

    spread: sparse.csr_matrix
    gather: sparse.csr_matrix
    own: Floats
    cross: Floats
    corner: Floats
    levels: Floats
    gradient: Floats

    @property
    def diagonal(self) -> Floats:
        """Diagonal of the matrix."""
        return np.concatenate([np.diag(self.corner), self.levels])

    def times(self, vector: Floats) -> Floats:
        """Multiply the matrix with a vector."""
        count = len(self.corner)
        first, rest = vector[:count], vector[count:]
        moved = (self.gather @ rest).reshape(self.own.shape[0], -1, 1)
        back = self.spread @ (self.own @ moved).ravel()
        return np.concatenate([self.corner @ first + self.cross.T @ rest,
                               self.cross @ first + back])  # fmt: skip

    def solve(self, gradient: Floats, added: Floats) -> Floats:
        """Solve ``(matrix + diag(added)) @ x = gradient`` by conjugate gradients.

        Parameters
        ----------
        gradient, added : array of shape (d + s,)
            Right-hand side; what the prior and damping add to the diagonal.
        """
        count = len(self.corner)
        factor = cho_factor(self.corner + np.diag(added[:count]), lower=True)
        levels = self.levels + added[count:]

        def before(vector: Floats) -> Floats:
            return np.concatenate([cho_solve(factor, vector[:count]), vector[count:] / levels])

        x = np.zeros_like(gradient)
        left, towards = gradient.copy(), before(gradient)
        size = float(left @ towards)
        goal = size * CLOSE**2
        for _ in range(MOST_STEPS):
            if size <= goal:
                break
            moved = self.times(towards) + added * towards
            step = size / float(towards @ moved)
            x += step * towards
            left -= step * moved
            fresh = before(left)
            size, former = float(left @ fresh), size
            towards = fresh + size / former * towards
        return x


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
