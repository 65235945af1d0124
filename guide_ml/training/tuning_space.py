"""Where hyper-parameters are searched: bounds that keep prediction fast, and starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna

__all__ = ["FIRST", "SPACES", "Params"]

Params = dict[str, Any]


def lightgbm_space(trial: optuna.Trial) -> Params:
    """Search space of LightGBM; bounded so that a table is scored at 10,000 rows a second."""
    return _leafwise(trial) | {
        "feature_fraction": trial.suggest_float("feature_fraction", 0.25, 0.7),
        "rounds": trial.suggest_int("rounds", 200, 320, step=20),
    }


def extra_space(trial: optuna.Trial) -> Params:
    """Search space of LightGBM with random thresholds: more rounds, more inputs a tree."""
    return _leafwise(trial) | {
        "feature_fraction": trial.suggest_float("feature_fraction", 0.4, 0.9),
        "path_smooth": trial.suggest_float("path_smooth", 0.0, 10.0),
        "rounds": trial.suggest_int("rounds", 300, 450, step=50),
    }


def _leafwise(trial: optuna.Trial) -> Params:
    return {
        "objective": trial.suggest_categorical("objective", ["l1", "huber"]), "alpha": 0.1,
        "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.12, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 24, 80, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 5, 40, log=True),
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.6, 0.95),
        "lambda_l2": trial.suggest_float("lambda_l2", 0.01, 10.0, log=True),
    }


def xgboost_space(trial: optuna.Trial) -> Params:
    """Search space of XGBoost."""
    return {
        "eta": trial.suggest_float("eta", 0.04, 0.12, log=True),
        "max_depth": trial.suggest_int("max_depth", 5, 9),
        "min_child_weight": trial.suggest_float("min_child_weight", 2.0, 20.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.6, 0.95),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 0.7),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.3, 10.0, log=True),
        "rounds": trial.suggest_int("rounds", 250, 400, step=50),
    }


FIRST: dict[str, Params] = {
    "extra": {"objective": "l1", "alpha": 0.1, "learning_rate": 0.08, "num_leaves": 80,
              "min_child_samples": 12, "feature_fraction": 0.7, "bagging_fraction": 0.9,
              "lambda_l2": 0.02, "path_smooth": 1.0, "rounds": 450},
    "lightgbm": {"objective": "l1", "alpha": 0.1, "learning_rate": 0.08, "num_leaves": 47,
                 "min_child_samples": 12, "feature_fraction": 0.5, "bagging_fraction": 0.8,
                 "lambda_l2": 1.0, "rounds": 300},
    "xgboost": {"eta": 0.08, "max_depth": 7, "min_child_weight": 8.0, "subsample": 0.8,
                "colsample_bytree": 0.5, "reg_lambda": 2.0, "rounds": 300},
}  # fmt: skip
"""Where a search starts that has no hyper-parameters in force."""

FIRST["extra2"] = FIRST["extra"]

SPACES = {"lightgbm": lightgbm_space, "extra": extra_space, "extra2": extra_space,
          "xgboost": xgboost_space}  # fmt: skip
