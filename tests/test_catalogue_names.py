"""Every device, model, engine, backend and precision of the measurements is in the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from guide_ml import catalogue
from guide_ml.describe.backends import backend
from guide_ml.errors import GuideError
from guide_ml.precision.dtypes import dtype

FILES = sorted((Path(__file__).parents[1] / "data" / "measurements").glob("*.parquet"))
LOOKS: dict[str, Callable[[str], Any]] = {
    "hardware": catalogue.hardware, "model": catalogue.model, "framework": catalogue.framework,
    "backend": backend, "weight_dtype": dtype, "kv_dtype": dtype,
}  # fmt: skip
#: Shapes that are not published, or without any attention, or no name of a model at all.
LEFT_OUT = {
    "BlinkDL/rwkv-7-world-1.5B", "Qwen/Qwen3.8-Flash-Next", "llama3_1-405b_pruned",
    "microsoft/phi", "nickmalhotra/ProjectIndus", "pfnet/plamo-1b", "poolside/Laguna-M.1",
    "state-spaces/mamba-130m-hf", "state-spaces/mamba-2.8b", "unknown",
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_names_of_the_measurements_resolve(path: Path) -> None:
    table = pd.read_parquet(path)
    unknown = []
    for column in LOOKS.keys() & set(table):
        for name in set(table[column].dropna().astype(str)) - LEFT_OUT:
            try:
                LOOKS[column](name)
            except GuideError as error:
                unknown.append(str(error))
    assert not unknown


def test_there_are_measurements_to_look_at() -> None:
    assert len(FILES) >= 24


@pytest.mark.parametrize("name", sorted(LEFT_OUT))
def test_what_is_left_out_is_really_missing(name: str) -> None:
    with pytest.raises(GuideError):
        catalogue.model(name)
