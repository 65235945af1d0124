"""Every public entry under odd input: it answers, or refuses in one sentence.

``tried(entry, count, seed)`` puts `count` inputs before an entry and counts how they ended:
``answered``, ``refused`` (an error of the package), and everything else, which is a fault. A fault
keeps its first examples.
"""

from __future__ import annotations

import io
import json
import random
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

import guide_ml
from guide_ml.describe.targets import NAMES
from guide_ml.errors import GuideError
from guide_ml.estimators import artefacts
from guide_ml.ingest import ingest
from guide_ml.scoring import grid as grid_files
from guide_ml.scoring.batch import Options, check_descriptors, score_batch
from guide_ml.scoring.conditions import parse
from guide_ml.scoring.lines import csv_tables, json_tables
from guide_ml.scoring.tables import in_batches
from tests import broken_sets, strategies

__all__ = ["ENTRIES", "Tally", "tried"]

MADE_UP = Path(__file__).parent / "ingest" / "made_up"
COLUMNS = {"tp": np.asarray([1, 2, 4]), "num_devices": np.asarray([1.0, 2.0, 8.0]),
           "hardware": np.asarray(["h100", "l4", "x"], dtype=object)}  # fmt: skip
CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 2048,
    "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8,
    "intermediate_size": 8192, "vocab_size": 128256, "torch_dtype": "bfloat16",
    "quantization_config": {"quant_method": "fp8", "bits": 8}, "tie_word_embeddings": True,
}  # fmt: skip
DEVICE: dict[str, Any] = {"hardware": "mine", "memory_gb": 64, "mem_bw_gbs": 2000,
                          "fp16_tflops": 300, "vendor": "x"}  # fmt: skip
ONE: dict[str, Any] = {"concurrency": 4, "input_len": 256, "output_len": 32, "level": None}


@dataclass
class Tally:
    """How inputs of one entry ended, and the first ones that ended badly."""

    ended: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def _predict(given: dict[str, Any]) -> None:
    found = guide_ml.predict(**given, level=None)
    told = [x for x in (getattr(found, name) for name in NAMES) if x is not None]
    assert told
    assert all(0 < x < float("inf") for x in told), given


def _table(given: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = guide_ml.predict_table(given, errors="report", level=None)
    assert len(found) == len(given)
    numbers = found[list(NAMES)].to_numpy(dtype=float)
    bad = (found["error"] != "").to_numpy()
    # An overloaded deployment has a TPOT and a rate; what it has not it says.
    over = found["error"].str.startswith("overloaded").to_numpy()
    assert np.isnan(numbers[bad & ~over]).all()
    assert not np.isinf(numbers).any()
    assert np.isfinite(numbers[~bad]).any(axis=1).all()


def _scored(tables: Any, rows: int | None) -> None:
    out = 0
    for table in in_batches(tables, 3):
        check_descriptors(table.column_names)
        found, counts = score_batch(table, Options())
        assert len(found) == len(table) == counts.rows
        out += len(table)
    assert rows is None or out == rows


def _json_lines(given: bytes) -> None:
    _scored(json_tables(io.BytesIO(given)), given.count(b"\n"))


def _csv(given: bytes) -> None:
    import pyarrow as pa

    try:
        _scored(csv_tables(io.BytesIO(given)), None)
    except pa.ArrowInvalid:  # what Source turns into one sentence
        raise GuideError("a row of another length") from None


def _condition(given: str) -> None:
    found = parse(given, tuple(COLUMNS))(COLUMNS)
    assert found.shape == (3,)


def _grid(given: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "grid.toml")
        path.write_text(given, "utf-8")
        found = grid_files.read(path)
        for block in found.blocks:
            table = block.table(0, min(block.size, 1000))
            assert len(table) <= 1000


def _changed(told: dict[str, Any], changes: list[tuple[str, Any]]) -> dict[str, Any]:
    found = told | dict(changes)
    return {k: v for k, v in found.items() if not (isinstance(v, str) and v == "gone")}


def _config(changes: list[tuple[str, Any]]) -> None:
    guide_ml.predict(hardware="h100", model=_changed(CONFIG, changes), **ONE)


def _device(changes: list[tuple[str, Any]]) -> None:
    guide_ml.predict(hardware=_changed(DEVICE, changes), model="llama-3.1-8b-instruct", **ONE)


def _ingest(seed: int) -> None:
    rng = random.Random(seed)
    path = rng.choice(sorted(p for p in MADE_UP.iterdir() if p.is_file()))
    data = path.read_bytes()
    for _ in range(rng.randint(1, 3)):
        data = _bent(data, path.suffix, rng)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        copy.write_bytes(data)
        ingest([copy], Path(folder, "store.csv"), dry_run=True)


def _bent(data: bytes, suffix: str, rng: random.Random) -> bytes:
    """Change a place of a JSON file, a line or a letter of any other."""
    try:
        if suffix == ".json" and rng.random() < 0.8:
            return broken_sets.broken_card(data.decode(), rng)
    except (ValueError, AttributeError, TypeError, IndexError):
        pass  # no JSON object any more
    lines = data.split(b"\n")
    way = rng.randrange(4)
    at = rng.randrange(len(lines))
    if way == 0:
        del lines[at]
    elif way == 1:
        lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
    elif way == 2:
        lines.insert(at, lines[rng.randrange(len(lines))])
    elif lines[at]:
        place = rng.randrange(len(lines[at]))
        lines[at] = lines[at][:place] + rng.choice(broken_sets.NUMBERS) + lines[at][place + 1 :]
    return b"\n".join(lines)


class _Set:
    """A copy of the shipped set, broken anew each time and mended after."""

    def __init__(self) -> None:
        self.kept = tempfile.TemporaryDirectory()
        place = Path(self.kept.name, "set")
        self.folder = broken_sets.small_copy(artefacts.default_folder(), place)
        self.card = (self.folder / "card.json").read_bytes()

    def __call__(self, seed: int) -> None:
        rng = random.Random(seed)
        name = rng.choice(("card.json", "physics.json", "intervals.json", "spread.lightgbm.txt",
                           "ttft_ms.extra.txt", "ttft_ms.blind.extra.txt", "cases.parquet",
                           "measured.parquet"))  # fmt: skip
        before = (self.folder / name).read_bytes()
        try:
            if name == "card.json":
                (self.folder / name).write_bytes(broken_sets.broken_card(before.decode(), rng))
            elif name.endswith(".json"):
                broken_sets.put(self.folder, name, broken_sets.broken_card(before.decode(), rng))
            elif name.endswith(".txt"):
                way = rng.choice(broken_sets.BOOSTER_WAYS)
                broken_sets.put(self.folder, name, broken_sets.broken_text(before, rng, way))
            else:
                broken_sets.put(self.folder, name, broken_sets.broken_bytes(before, rng))
            if broken_sets.outcome(self.folder) == "refused":
                raise GuideError("refused")
        finally:
            (self.folder / name).write_bytes(before)
            (self.folder / "card.json").write_bytes(self.card)


_odd = st.one_of(strategies.json_values, strategies.cells, st.just("gone"))
_seeds = st.integers(0, 2**60)
_keys = st.sampled_from([*CONFIG, "head_dim", "num_experts", "sliding_window", "layer_types",
                         "rope_scaling", "text_config", "max_position_embeddings"])  # fmt: skip
_device_keys = st.sampled_from([*DEVICE, "fp8_tflops", "sm_count", "tdp_w", "link_gbs", "x"])
_csv_files = st.lists(
    st.lists(st.one_of(st.sampled_from(["h100", "llama-3.1-8b-instruct", "8", "512", ""]),
                       st.text(max_size=6)), min_size=3, max_size=4),
    max_size=3,
).map(lambda rows: "\n".join(["hardware,model,concurrency", *map(",".join, rows)]).encode(
    "utf-8", "surrogatepass"))  # fmt: skip

ENTRIES: dict[str, tuple[Callable[[], Callable[[Any], None]], st.SearchStrategy[Any], float]] = {
    # What is called with what, and its share of all inputs.
    "predict": (lambda: _predict, strategies.keywords(), 0.2),
    "predict_table": (lambda: _table, strategies.tables(), 0.2),
    "score, JSON Lines": (lambda: _json_lines, strategies.json_lines(), 0.1),
    "score, CSV": (lambda: _csv, _csv_files, 0.05),
    "conditions of a grid": (lambda: _condition, strategies.conditions, 0.15),
    "grid": (lambda: _grid, strategies.grids(), 0.08),
    "config.json": (lambda: _config, st.lists(st.tuples(_keys, _odd), max_size=3), 0.08),
    "device file": (lambda: _device, st.lists(st.tuples(_device_keys, _odd), max_size=3), 0.05),
    "ingest": (lambda: _ingest, _seeds, 0.08),
    "trained set": (_Set, _seeds, 0.01),
}
"""Entries by name."""


def tried(entry: str, count: int, seed: int = 0, most_faults: int = 5) -> Tally:
    """Put inputs before an entry and count how they ended."""
    make, strategy, _ = ENTRIES[entry]
    call, out = make(), Tally()

    @seeded(seed)
    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(strategy)
    def run(value: Any) -> None:
        try:
            call(value)
        except GuideError as error:
            one_line = "\n" not in str(error).strip()
            out.ended["refused" if one_line else "refused in several lines"] += 1
            if one_line:
                return
            problem: BaseException = error
        except HypothesisException:
            raise
        except Exception as error:
            out.ended[f"{type(error).__name__}"] += 1
            problem = error
        else:
            out.ended["answered"] += 1
            return
        if len(out.faults) < most_faults:
            out.faults.append(f"{_shown(value)}: {type(problem).__name__}: {problem!s:.300}")

    run()
    return out


def _shown(value: Any) -> str:
    """Write an input; pandas itself cannot print every cell."""
    plain = value.to_dict("split") if isinstance(value, pd.DataFrame) else value
    return f"{plain!r:.600}"


def plain(found: dict[str, Tally]) -> str:
    """Write tallies as JSON."""
    return json.dumps({k: {"ended": dict(v.ended), "faults": v.faults} for k, v in found.items()})
