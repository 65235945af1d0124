"""What moved the estimators away from physics: contributions of each input, grouped.

Boosters split log(measured / physics) over their inputs exactly (Shapley values of trees,
Lundberg et al., Nature Machine Intelligence 2, 2020): the contributions and the mean over the
training data sum to what they predict.
"""

from __future__ import annotations

import numpy as np

from guide_ml.answers.explanation import Move, percent
from guide_ml.estimators.artefacts import Fitted
from guide_ml.explaining.account import Account
from guide_ml.explaining.words import GROUPS, group_of
from guide_ml.table.read import Floats
from guide_ml.trees.boosters import BLIND, Inputs, Lazy, LightGbm, Member, XgBoost

__all__ = ["contributions", "moves"]


def contributions(member: Member, x: Inputs) -> Floats:
    """Split what one booster predicts over its inputs.

    Parameters
    ----------
    member : Member
        A LightGBM or XGBoost booster.
    x : array of shape (n, inputs)
        Inputs.

    Returns
    -------
    array of shape (n, inputs + 1)
        Contributions; the last column is the mean over the training data.
    """
    own = member.member if isinstance(member, Lazy) else member
    if isinstance(own, LightGbm):
        found = own.booster.predict(x, pred_contrib=True, num_threads=1)
        return np.asarray(found, dtype=np.float64)
    if isinstance(own, XgBoost):
        import xgboost as xgb

        found = own.booster.predict(xgb.DMatrix(x), pred_contribs=True)
        return np.asarray(found, dtype=np.float64)
    out = np.zeros((len(x), x.shape[1] + 1))  # an estimator of another kind: all in one
    out[:, -1] = member.predict(x)
    return out


def moves(fitted: Fitted, target: str, own: Account, words: dict[str, str]) -> tuple[Move, ...]:
    """Group the contributions to the estimate of a target, strongest first.

    Parameters
    ----------
    fitted : Fitted
        The trained set.
    target : str
        What is explained.
    own : Account
        Its inputs.
    words : dict of str to str
        :func:`guide_ml.explaining.words.describe`.
    """
    name = target if own.hardware in fitted.devices[target] else target + BLIND
    if name not in fitted.members:  # nothing was measured of it: physics alone
        return ()
    names = fitted.inputs[name]
    x = own.row(target, names)
    members = fitted.members[name].values()
    split = own.trust * np.mean([contributions(m, x)[0] for m in members], axis=0)
    total = dict.fromkeys((*GROUPS, "usual"), 0.0)
    for column, value in zip([*names, ""], split.tolist(), strict=True):
        total[group_of(column) if column else "usual"] += value
    ordered = sorted(total.items(), key=lambda item: -abs(item[1]))
    return tuple(Move(k, words[k], percent(float(np.exp(v)))) for k, v in ordered if v)
