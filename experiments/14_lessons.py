"""What do measured open loads teach of first tokens? Writes guide_ml/simulation/lessons.json.

``results/14_lessons.parquet`` has a row each run, with its source, so that 14_traffic.py can leave
out what it judges. Run it after a training: lessons are relative to what estimators say.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from traffic_lessons import drawn, learned, lessons

from guide_ml.predictions.run import predictor_of
from guide_ml.simulation.lessons import FILE

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    taught = learned(drawn())
    taught.to_parquet(RESULTS / "14_lessons.parquet", index=False)
    profile = lessons(taught, str(predictor_of(None).card.get("artefact_sha256", "")))
    profile.save(FILE)
    off = taught.groupby("source")["log_ratio"].agg(["size", "median"])
    print(off.assign(median=100.0 * np.expm1(off["median"])).round(1).to_string())


if __name__ == "__main__":
    main()
