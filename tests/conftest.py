"""What several test files share: short ways to write deployments down."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from guide_ml.measurements.read import default_folder
from guide_ml.registry.store import client
from guide_ml.system.private import CACHE
from guide_ml.table.assume import Resolved, resolve
from guide_ml.table.read import Definitions, read
from tests.tracked import copied

# Processes of pytest-xdist 3.8 are told the width of its terminal, which commands would keep to.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COLUMNS", None)

USUAL = {
    "hardware": "nvidia-a100-sxm-80gb", "model": "meta-llama/Llama-2-7b-hf", "framework": "vllm",
    "weight_dtype": "fp16", "input_len": 512.0, "output_len": 128.0,
}  # fmt: skip
LOAD = {"mode", "batch_size", "concurrency"}  # a row without any is static


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE, str(tmp_path_factory.mktemp("cache") / "guide-ml"))
        yield


@pytest.fixture(scope="session")
def deploy() -> Callable[..., Resolved]:
    """Resolve rows that say how they differ from a usual static deployment of one request."""

    def build(*rows: dict[str, Any], definitions: Definitions | None = None) -> Resolved:
        full = [row if LOAD & set(row) else row | {"mode": "static"} for row in rows]
        return resolve(read(pd.DataFrame([USUAL | row for row in full]), definitions))

    return build


SMALL_SOURCES = ("llamacpp-dgx-spark", "sglang-cookbook", "gpt-fast-readme", "ninehills-yi6b",
                 "dstack-benchmarks")  # fmt: skip


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of small sources that together have every target."""
    folder = default_folder()
    parts = [pd.read_parquet(folder / f"{source}.parquet") for source in SMALL_SOURCES]
    parts.append(pd.read_parquet(folder / "rocm-vllm-dev-docker.parquet").head(60))
    path = tmp_path_factory.mktemp("few") / "few.parquet"
    pd.concat(parts, ignore_index=True).to_parquet(path, index=False)
    return path


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty tracking store; laying one out takes seconds."""
    path = tmp_path_factory.mktemp("store") / "empty.db"
    client(f"sqlite:///{path}")
    return path


@pytest.fixture
def new_store(template: Path, tmp_path: Path) -> str:
    """An empty tracking store of one's own; its URI."""
    return copied(template, tmp_path)
