"""The boosted estimators: LightGBM and XGBoost on log(measured / physics)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from guide_ml.errors import BadArtefact
from guide_ml.table.read import Floats
from guide_ml.trees import lightgbm_text, xgboost_model
from guide_ml.trees.compiled import Quick
from guide_ml.trees.native import Native, library
from guide_ml.trees.packed import unpack
from guide_ml.trees.text import short_text

if TYPE_CHECKING:  # their import takes seconds; only fitting needs it
    import lightgbm as lgb
    import xgboost as xgb

__all__ = [
    "BLIND", "KINDS", "Lazy", "LightGbm", "Member", "fit_member", "hyper_parameters", "load_member",
    "read_member",
]  # fmt: skip

KINDS = ("lightgbm", "extra", "extra2", "xgboost")
"""``extra`` is LightGBM that draws thresholds at random (extremely randomised trees, Geurts et
al. 2006): smoother, so better on deployments that were never seen. ``extra2`` is a second draw:
the mean of both errs less than either."""
RANDOM = ("extra", "extra2")
BLIND = "/blind"
"""Ends the name of estimators for devices without measurements of a target: they see no figure
of the device itself, so that they cannot take a new one for the nearest they know."""
SUFFIX = {"lightgbm": ".txt", "extra": ".txt", "extra2": ".txt", "xgboost": ".ubj"}

Inputs = NDArray[np.float32]


class Member(Protocol):
    """One fitted booster."""

    def predict(self, x: Inputs) -> Floats:
        """Predict log(measured / physics) of n rows."""

    def save(self, path: Path) -> None:
        """Write the native file."""


@dataclass(frozen=True)
class LightGbm:
    """A LightGBM booster."""

    booster: lgb.Booster | Native

    @cached_property
    def _quick(self) -> Quick:
        return Quick(self.booster)

    def predict(self, x: Inputs) -> Floats:
        """Predict log(measured / physics) of n rows."""
        return self._quick.predict(x)

    def save(self, path: Path) -> None:
        """Write the native text file, without what only further training would need."""
        path.write_text(short_text(self.booster), "utf-8")


@dataclass(frozen=True)
class XgBoost:
    """An XGBoost booster."""

    booster: xgb.Booster

    @cached_property
    def _quick(self) -> Quick:
        return Quick(self.booster)

    def predict(self, x: Inputs) -> Floats:
        """Predict log(measured / physics) of n rows."""
        return self._quick.predict(x)

    def save(self, path: Path) -> None:
        """Write the native UBJSON file."""
        self.booster.save_model(str(path))


class Lazy:
    """A booster that its library reads when it is first needed.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`.
    name : str
        Its file, to speak of.
    data : bytes or callable
        What the file holds, whatever happened to it since; or what reads it.
    inputs : int
        How many inputs it must ask for.
    arrays : callable, optional
        What reads the same trees as :class:`guide_ml.trees.packed.Packed` writes them; they
        predict then, and the library is needed to explain only.
    """

    def __init__(
        self, kind: str, name: str, data: bytes | Callable[[], bytes], inputs: int,
        arrays: Callable[[], bytes] | None = None,
    ) -> None:  # fmt: skip
        self.kind, self.name, self.inputs, self.arrays = kind, name, inputs, arrays
        self._data, self._member = data, cast("Member | None", None)

    @property
    def data(self) -> bytes:
        """What the file holds; nothing once the library holds it."""
        return self._data() if callable(self._data) else self._data

    @cached_property
    def _quick(self) -> Quick | None:
        if self.arrays is None:
            return None
        try:
            return Quick(unpack(self.arrays(), self.inputs))
        except ValueError as error:
            raise _unreadable(self.kind, self.name, error) from error

    @property
    def member(self) -> Member:
        """The booster."""
        held = self._member
        if held is not None:
            return held
        data = self.data  # before the next line: another thread may be done in between
        if self._member is None:
            self._member = read_member(self.kind, self.name, data, self.inputs)
            self._data = b""  # the library holds it now
        return self._member

    def check(self) -> None:
        """Check the file without having the library read it.

        Raises
        ------
        BadArtefact
            If it is corrupt, or of another kind.
        """
        _checked(self.kind, self.name, self.data, self.inputs)

    def predict(self, x: Inputs) -> Floats:
        """Predict log(measured / physics) of n rows."""
        return (self._quick or self.member).predict(x)

    def save(self, path: Path) -> None:
        """Write the native file."""
        if data := self.data:
            path.write_bytes(data)
        else:
            self.member.save(path)


@cache
def hyper_parameters() -> dict[str, dict[str, Any]]:
    """Hyper-parameters in force by ``target/kind``, as tuning found them."""
    text = files("guide_ml.trees").joinpath("hyper_parameters.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found


def fit_member(
    kind: str, target_name: str, x: Inputs, y: Floats, weight: Floats,
    seed: int, threads: int, params: dict[str, Any] | None = None, as_read: bool = True,
) -> Member:  # fmt: skip
    """Fit one booster on log(measured / physics) by absolute error or its smooth kin.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`.
    target_name : str
        Target that is fitted; decides on hyper-parameters.
    x : array of shape (n, inputs)
        :func:`guide_ml.training.dataset.Matrix.stack` of the inputs.
    y, weight : array of shape (n,)
        log(measured / physics), and the weight of each value.
    seed : int
        The same seed and data give the same booster.
    threads : int
        Threads to use.
    params : dict, optional
        Hyper-parameters instead of the kept ones. Besides the library's own: ``rounds``, and
        ``weight_power``, the power to which weights are raised (1 by default).
    as_read : bool
        Whether to return the booster as it will be read from its file, whose numbers are shorter
        by a millionth: a set that is kept predicts the same before and after. Folds skip it.
    """
    chosen = dict(params if params is not None else hyper_parameters()[f"{target_name}/{kind}"])
    rounds, weight = int(chosen.pop("rounds")), weight ** chosen.pop("weight_power", 1.0)
    fixed: dict[str, Any]
    if kind != "xgboost":
        fixed = {
            "extra_trees": kind in RANDOM,
            "verbose": -1, "seed": seed + (kind == "extra2"), "num_threads": threads,
            "deterministic": True, "force_row_wise": True, "bagging_freq": 1,
        }  # fmt: skip
        import lightgbm as lgb

        data = lgb.Dataset(x, y, weight=weight, params={"verbose": -1})
        booster = lgb.train(chosen | fixed, data, rounds)
        return LightGbm(lgb.Booster(model_str=short_text(booster)) if as_read else booster)
    import xgboost as xgb

    fixed = {"objective": "reg:absoluteerror", "tree_method": "hist", "nthread": threads,
             "seed": seed}  # fmt: skip
    return XgBoost(xgb.train(chosen | fixed, xgb.DMatrix(x, y, weight=weight), rounds))


def load_member(kind: str, path: Path, inputs: int | None = None) -> Member:
    """Read a booster from its native file; no code of the file is run.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`.
    path : Path
        Its file.
    inputs : int, optional
        How many inputs it must ask for; any number by default.

    Raises
    ------
    BadArtefact
        If the file is missing, corrupt, or of another kind.
    """
    _known(kind)
    if not path.is_file():
        raise BadArtefact(f"the card names {path.name}, which is not beside it in {path.parent}")
    return read_member(kind, path.name, path.read_bytes(), inputs)


def read_member(kind: str, name: str, data: bytes, inputs: int | None = None) -> Member:
    """Read a booster from what its native file holds, once that was checked.

    Raises
    ------
    BadArtefact
        If it is corrupt, or of another kind.
    """
    found = _checked(kind, name, data, inputs)
    try:
        return LightGbm(_lightgbm(found)) if isinstance(found, str) else XgBoost(_xgboost(found))
    except ValueError as error:  # the libraries' own errors are ValueErrors
        raise _unreadable(kind, name, error) from error


def _known(kind: str) -> None:
    if kind not in KINDS:
        raise BadArtefact(f"an estimator must be of kind {', '.join(KINDS)}; got {kind!r:.80}")


def _checked(kind: str, name: str, data: bytes, inputs: int | None) -> str | bytes:
    """Check what a native file holds: text of LightGBM, bytes of XGBoost."""
    _known(kind)
    check = xgboost_model.checked if kind == "xgboost" else lightgbm_text.checked
    try:
        return check(data, inputs)
    except ValueError as error:
        raise _unreadable(kind, name, error) from error


def _unreadable(kind: str, name: str, error: ValueError) -> BadArtefact:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return BadArtefact(f"{name} must be a native {kind} file; it cannot be read: {first}")


def _lightgbm(text: str) -> lgb.Booster | Native:
    if library() is not None:
        return Native(text)
    import lightgbm as lgb

    try:
        return lgb.Booster(model_str=text)
    except lgb.basic.LightGBMError as error:
        raise ValueError(str(error)) from error


def _xgboost(data: bytes) -> xgb.Booster:
    import xgboost as xgb

    booster = xgb.Booster()
    booster.load_model(bytearray(data))
    return booster
