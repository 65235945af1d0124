"""How many deployments AIConfigurator answers in a second of a core; run by 09_scoring.py.

The database and the models are loaded before the clock starts, for both of its calls.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

from aiconfigurator.cli.api import cli_estimate
from aiconfigurator.sdk import config, models, perf_database
from aiconfigurator.sdk.backends import factory
from aiconfigurator.sdk.inference_session import InferenceSession

SYSTEM, BACKEND = "h100_sxm", "vllm"
SESSION_CALLS = 8192  # they are fast; no two of them alike
MODEL = "meta-llama/Meta-Llama-3.1-8B"


def deployments(count: int) -> list[dict[str, Any]]:
    """Deployments that differ in load and layout, each from every other one."""
    return [{"model": MODEL, "num_devices": 1 + k % 2, "tp": 1 + k % 2,
             "input_len": 256 + k, "output_len": 128 + 8 * (k % 9),
             "concurrency": 2 ** (k % 6)}
            for k in range(count)]  # fmt: skip


def by_command(asked: list[dict[str, Any]], version: str) -> float:
    """Answers a second of the function behind its command line."""
    start = time.process_time()
    for row in asked:
        cli_estimate(row["model"], SYSTEM, backend_name=BACKEND, backend_version=version,
                     isl=row["input_len"], osl=row["output_len"], batch_size=row["concurrency"],
                     tp_size=row["tp"])  # fmt: skip
    return len(asked) / (time.process_time() - start)


def by_session(asked: list[dict[str, Any]], database: Any) -> float:
    """Answers a second of its session call: TTFT and TPOT of continuous batching."""
    backend = factory.get_backend(BACKEND)
    sessions = {}
    for tp in {row["tp"] for row in asked}:
        model = models.get_model(MODEL, config.ModelConfig(tp_size=tp), BACKEND)
        sessions[tp] = InferenceSession(model, database, backend)
    runs = [(sessions[row["tp"]], config.RuntimeConfig(
        batch_size=row["concurrency"], isl=row["input_len"], osl=row["output_len"]))
        for row in asked]  # fmt: skip
    start = time.process_time()
    for session, runtime in runs:
        session.run_agg(runtime, ctx_tokens=runtime.isl)
    return len(asked) / (time.process_time() - start)


def main() -> None:
    """Measure and print one line of JSON."""
    logging.disable(logging.CRITICAL)
    asked = deployments(int(sys.argv[1]))
    version = perf_database.get_latest_database_version(SYSTEM, BACKEND)
    database = perf_database.get_database(SYSTEM, BACKEND, version)
    by_command(asked[:2], version)
    by_session(asked[:2], database)
    found: dict[str, Any] = {
        "AIConfigurator, cli_estimate": by_command(asked, version),
        "AIConfigurator, session call": by_session(deployments(SESSION_CALLS), database),
        "asked": asked, "session": deployments(SESSION_CALLS),
    }  # fmt: skip
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
