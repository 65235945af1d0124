"""The registered model as code: MLflow copies this file into the model and runs it on loading.

Everything it predicts with are native booster files and JSON beside it; nothing is pickled.
"""

# No postponed annotations here: MLflow reads them to know the input.

from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from guide_ml import Predictor, predict_table
from guide_ml.api import COLUMNS, LEVEL


class Guide(PythonModel):
    """Predicts a table of deployments, a row each, as :func:`guide_ml.predict_table` does."""

    def load_context(self, context: Any) -> None:
        """Load the estimators from the model's folder."""
        self.predictor = Predictor.load(context.artifacts["estimators"])

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Predict; a bad row gets its reason in the column ``error``.

        The parameter ``level`` is that of the intervals; 0 leaves them blank, which is faster.
        """
        level = (params or {}).get("level", LEVEL) or None
        found = predict_table(
            model_input, errors="report", predictor=self.predictor, level=level
        )
        if level is None:
            found = found.reindex(columns=list(COLUMNS))
            found["in_domain"] = pd.Series("", index=found.index, dtype="str")
        return found


set_model(Guide())
