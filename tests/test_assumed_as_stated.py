"""What is stated as it would have been assumed gives the same numbers, to the bit."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from guide_ml import catalogue
from guide_ml.answers.prediction import Prediction
from guide_ml.api import predict
from guide_ml.catalogue.versions import decimal_year
from guide_ml.catalogue.versions import newest as dated
from guide_ml.errors import DoesNotFit, InvalidInput

DEPLOYMENTS = 200
#: Assumptions that no descriptor can state.
UNSAID = ("copies",)


def drawn(rng: np.random.Generator) -> dict[str, Any]:
    """Draw a deployment of which little is stated."""
    pick = {kind: rng.choice(catalogue.slugs(kind)) for kind in ("hardware", "model", "framework")}
    out: dict[str, Any] = {k: str(v) for k, v in pick.items()}
    if rng.random() < 0.3:
        del out["framework"]
    out["num_devices"] = int(rng.choice([1, 1, 1, 2, 4, 8, 8, 16]))
    if out["num_devices"] > 1 and rng.random() < 0.3:
        out["tp"] = int(rng.choice([1, 2]))
    if rng.random() < 0.2:
        out["weight_dtype"] = str(rng.choice(["fp8", "int8", "int4", "q4_k_m"]))
    lengths = {"input_len": int(rng.integers(1, 8000)), "output_len": int(rng.integers(2, 2000))}
    loads = ("closed", "closed", "static", "batch of one", "offline", "prefill", "decode")
    load = rng.choice(loads)
    if load == "closed":
        return out | lengths | {"concurrency": int(rng.integers(1, 300))}
    if load == "static":
        return out | lengths | {"batch_size": int(rng.integers(1, 64))}
    mode = "static" if load == "batch of one" else str(load)
    return out | lengths | {"mode": mode}


def newest(framework: str) -> str | None:
    """Name the version that a blank one stands for; ``None`` where versions are not told apart."""
    block = catalogue.framework_blocks()[framework]
    dates = block.get("versions") or {f"b{k}": v for k, v in block.get("builds", {}).items()}
    # Where newer ones are known than were measured, it is the newest of the measured ones.
    return next((v for v in reversed(dates) if decimal_year(dates[v]) == dated(block)), None)


def stated(found: Prediction, asked: dict[str, Any]) -> dict[str, Any]:
    """State all that was assumed."""
    d, w = found.deployment, found.workload
    known: dict[str, Any] = {
        "framework": d.framework.framework, "framework_version": newest(d.framework.framework),
        "backend": d.framework.backend, "num_devices": d.num_devices, "tp": d.tp, "pp": d.pp,
        "dp": d.dp, "ep": d.ep, "weight_dtype": d.weight_dtype, "kv_dtype": d.kv_dtype,
        "spec_method": d.spec_method, "mode": w.mode, "context_depth": w.context_depth,
        "ttft_stat": w.ttft_stat, "tpot_stat": w.tpot_stat,
    }  # fmt: skip
    if w.mode != "offline":
        known |= {"batch_size": w.batch_size}
    if w.mode == "closed":
        known |= {"num_requests": 10 * asked["concurrency"]}
    for limit in ("max_num_seqs", "max_num_batched_tokens"):  # told where the load meets them
        if limit in found.assumed:
            known[limit] = int(found.assumed[limit].split(",")[0])
    out = {name: known.get(name) for name in found.assumed if name not in UNSAID}
    if d.num_devices == 1:  # nothing else is possible, so nothing is said of it
        out |= {"tp": 1, "pp": 1, "dp": 1, "ep": 1}
    return out


def numbers(found: Prediction) -> dict[str, Any]:
    """Gather every number of a prediction."""
    told = found.to_dict()
    kept = {k: v for k, v in told.items() if k not in ("assumed", "deployment", "evidence")}
    return kept | {"nearest": [(e["source_ref"], e["distance"]) for e in told["evidence"]]}


@pytest.fixture(scope="module")
def pairs() -> list[tuple[dict[str, Any], Prediction]]:
    rng = np.random.default_rng(11)
    out: list[tuple[dict[str, Any], Prediction]] = []
    while len(out) < DEPLOYMENTS:
        asked = drawn(rng)
        try:
            found = predict(**asked)
        except (InvalidInput, DoesNotFit):
            continue  # an engine that does not run there, a layout that cannot be, no room
        if not any("newer versions refuse" in note for note in found.notes):
            out.append((asked, found))  # else no newest version can be stated
    return out


def test_stating_what_was_assumed_changes_no_number(pairs):
    counted: Counter[str] = Counter()
    for asked, found in pairs:
        more = stated(found, asked)
        again = predict(**asked | more)
        assert numbers(again) == numbers(found), (asked, more)
        assert set(again.assumed) <= {*UNSAID, "framework_version", "batch_size", "num_requests"}
        counted.update(k for k, v in more.items() if v is not None)
    assert min(counted[k] for k in (
        "framework_version", "backend", "tp", "pp", "weight_dtype", "kv_dtype", "num_requests",
        "batch_size", "context_depth", "ttft_stat", "mode")) >= 3, counted  # fmt: skip


def test_another_version_layout_or_run_still_moves_the_numbers():
    asked: dict[str, Any] = {"hardware": "h100", "model": "llama-3.1-8b-instruct", "num_devices": 2,
                             "concurrency": 32, "input_len": 1024, "output_len": 256}  # fmt: skip
    usual = numbers(predict(**asked))
    for other in ({"framework_version": "0.6.1"}, {"tp": 1}, {"num_requests": 32},
                  {"kv_dtype": "fp8"}, {"weight_dtype": "fp8"}):  # fmt: skip
        assert numbers(predict(**asked | other)) != usual
