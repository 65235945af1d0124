"""From one prediction to its explanation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from guide_ml.explaining.account import account, bounds, parts
from guide_ml.explaining.moved import moves
from guide_ml.explaining.variants import variants
from guide_ml.explaining.words import describe
from guide_ml.explanation import Explanation, percent
from guide_ml.prediction import Prediction
from guide_ml.profile import Profile
from guide_ml.run import PredictorLike, Run, predictor_of
from guide_ml.table import Definitions
from guide_ml.targets import TARGETS

__all__ = ["Explainer"]


@dataclass(frozen=True, eq=False)
class Explainer:
    """What is needed to explain a prediction later, when somebody asks.

    Parameters
    ----------
    done : Run
        The only row, as predicted.
    asked : dict
        The row as it was asked for.
    known : Definitions
        Hardware and models that the catalogue lacks.
    predictor, profile : Predictor, Profile, optional
        What it was predicted with.
    """

    done: Run
    asked: dict[str, Any]
    known: Definitions
    predictor: PredictorLike | None
    profile: Profile | None

    def __call__(self, found: Prediction) -> Explanation:
        """Explain the prediction that came of it."""
        fitted = predictor_of(self.predictor).fitted
        values = {t.name: v for t in TARGETS if (v := getattr(found, t.name)) is not None}
        accounts = {t.name: account(self.done.resolved, fitted, t) for t in TARGETS
                    if t.name in values}  # fmt: skip
        words = describe(found)
        return Explanation(
            predicted=values,
            parts=parts(accounts, values),
            bounds=bounds(next(iter(accounts.values()))),
            efficiency=self._efficiency(found, values),
            physics={k: own.physics(k) for k, own in accounts.items()},
            moved={k: moves(fitted, k, own, words) for k, own in accounts.items()
                   if k != "output_tok_s" or len(accounts) == 1},
            profile_percent=self._by_profile(values),
            variants=variants(found, self.asked, self.known, self.predictor, self.profile),
        )  # fmt: skip

    @staticmethod
    def _efficiency(found: Prediction, values: dict[str, float]) -> dict[str, float]:
        out = {}
        for target in TARGETS:
            bound = found.floors.get(target.name)
            if target.name in values and bound is not None:
                value = values[target.name]
                out[target.name] = bound / value if target.is_time else value / bound
        return out

    def _by_profile(self, values: dict[str, float]) -> dict[str, float]:
        """Compare with what would have been predicted without the profile."""
        if self.profile is None:
            return {}
        plain = predictor_of(self.predictor).predict(self.done.resolved).values
        moved = {k: percent(v / float(plain[k][0])) for k, v in values.items()}
        return {k: v for k, v in moved.items() if abs(v) > 1e-9}
