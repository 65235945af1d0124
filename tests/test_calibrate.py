"""Measurements become a profile, or are refused in a sentence that names the row."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from guide_ml.api import predict_table
from guide_ml.calibration.fit import calibrate, read
from guide_ml.cli.main import app
from guide_ml.errors import BadData, GuideError, InvalidInput
from guide_ml.profiles import load

HERE: dict[str, Any] = {
    "hardware": "l40s", "num_devices": 2, "model": "qwen2.5-7b-instruct", "framework": "vllm",
    "input_len": 512, "output_len": 128,
}  # fmt: skip
FACTORS = {"ttft_ms": 1.5, "tpot_ms": 1.4}
FIGURES = [*FACTORS, "output_tok_s"]


def measured(table: pd.DataFrame, noise: Any = 1.0) -> pd.DataFrame:
    """Let a slower server run some loads; its throughput obeys Little's law."""
    plain = predict_table(table, level=None)
    found = table.assign(**{name: plain[name] * ratio * noise for name, ratio in FACTORS.items()})
    flight_ms = found["ttft_ms"] + (found["output_len"] - 1) * found["tpot_ms"]
    return found.assign(output_tok_s=1e3 * found["concurrency"] * found["output_len"] / flight_ms)


@pytest.fixture(scope="module")
def runs():
    """Four loads of a server that is slower than predicted, each measured with some noise."""
    noise = np.exp(np.random.default_rng(0).normal(scale=0.02, size=4))
    return measured(pd.DataFrame([HERE | {"concurrency": c} for c in (2, 8, 32, 64)]), noise)


def refused(table: pd.DataFrame) -> str:
    with pytest.raises(GuideError) as caught:
        calibrate(table)
    return str(caught.value)


def test_a_profile_brings_other_loads_of_the_same_deployment_near(runs):
    profile = calibrate(runs)
    asked = pd.DataFrame([HERE | {"concurrency": 16}])
    truth = measured(asked)
    plain, found = (predict_table(asked, level=None, profile=p) for p in (None, profile))
    for name in FIGURES:
        off = [abs(np.log(table[name][0] / truth[name][0])) for table in (plain, found)]
        assert off[1] < 0.5 * off[0]


def test_a_profile_says_what_it_rests_on(runs):
    facts = calibrate(runs).facts
    assert facts["rows"] == 4
    assert facts["values"] == 12
    assert facts["tpot_ms"]["median_ape_after"] < 0.3 * facts["tpot_ms"]["median_ape_before"]


def test_a_table_of_other_modes_calibrates(runs):
    rows: list[dict[str, Any]] = [
        {"mode": "prefill", "input_len": 2048}, {"mode": "decode", "output_len": 64},
        {"mode": "offline", "input_len": 512, "output_len": 64},
        {"batch_size": 4, "input_len": 512, "output_len": 64},
    ]  # fmt: skip
    base = {k: v for k, v in HERE.items() if not k.endswith("_len")}
    table = pd.DataFrame([base | row for row in rows])
    plain = predict_table(table, level=None)
    slow = {"batch_latency_s": 1.3, "ttft_ms": 1.3, "tpot_ms": 1.3, "output_tok_s": 1 / 1.3}
    made = table.assign(**{t: plain[t] * f for t, f in slow.items()})
    found = predict_table(table, level=None, profile=calibrate(made))
    for name, ratio in slow.items():
        moved = np.log((found[name] / plain[name]).dropna())
        assert (moved * np.sign(np.log(ratio)) > 0.1).all()


def test_static_throughput_alone_is_a_batch_latency():
    table = pd.DataFrame([HERE | {"batch_size": b} for b in (1, 4, 16)])
    plain = predict_table(table, level=None)
    by_rate = calibrate(table.assign(output_tok_s=plain["output_tok_s"] / 1.4))
    by_time = calibrate(table.assign(batch_latency_s=plain["batch_latency_s"] * 1.4))
    assert np.allclose(by_rate.cells.log_ratio, by_time.cells.log_ratio)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ttft_ms": lambda t: t["ttft_ms"] / 1000}, "looks like seconds"),
        ({"output_tok_s": lambda t: t["output_tok_s"] / 2}, "Little's law"),
        ({"tpot_ms": lambda t: -t["tpot_ms"]}, "must be a number above 0"),
        ({"tpot_ms": lambda t: "fast"}, "got fast"),
        ({"hardware": lambda t: "h1000"}, "did you mean h100"),
        ({"ttft_ms": lambda t: t["ttft_ms"] * 900, "tpot_ms": lambda t: np.nan,
          "output_tok_s": lambda t: np.nan}, "times the predicted"),
    ],
    ids=["seconds", "per GPU", "negative", "text", "unknown", "outlandish"],
)  # fmt: skip
def test_rows_that_cannot_be_meant_are_refused(runs, change, says):
    message = refused(runs.assign(**change))
    assert message.startswith("row 1 cannot calibrate: ")
    assert says in message
    assert "4 of 4 rows" in message


def test_one_bad_row_is_named(runs):
    bad = runs.copy()
    bad.loc[2, "ttft_ms"] = 0.1
    assert refused(bad).startswith("row 3 cannot calibrate: ttft_ms")


def test_rows_that_contradict_each_other_are_refused(runs):
    only = runs.drop(columns=["output_tok_s", "ttft_ms"])
    again = only.iloc[[1]].assign(tpot_ms=only["tpot_ms"].iloc[1] * 4)
    message = refused(pd.concat([only, again], ignore_index=True))
    assert message.startswith("row 5 cannot calibrate: tpot_ms")
    assert "contradicts row 2" in message


def test_a_repeated_run_is_no_contradiction(runs):
    again = runs.assign(tpot_ms=runs["tpot_ms"] * 1.05)
    assert calibrate(pd.concat([runs, again])).facts["rows"] == 8


def test_queues_of_other_lengths_are_other_loads():
    table = pd.DataFrame([
        HERE | {"mode": "offline", "input_len": 512, "output_len": 256, "num_requests": n,
                "output_tok_s": rate} for n, rate in ((3, 300.0), (300, 3000.0), (3000, 4000.0))
    ])  # fmt: skip
    assert calibrate(table).facts["rows"] == 3
    same = table.assign(num_requests=300)
    assert "contradicts row" in refused(same)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_too_few_rows_are_refused(runs, rows):
    assert f"3 measured rows or more; got {rows}" in refused(runs[:rows])


def test_rows_without_any_figure_do_not_count(runs):
    blank = runs.copy()
    blank.loc[1:, FIGURES] = np.nan
    assert "got 1" in refused(blank)


def test_a_table_without_figures_or_names_is_refused(runs):
    assert "at least one of the columns" in refused(runs.drop(columns=FIGURES))
    assert "needs the columns hardware and model" in refused(runs.drop(columns="model"))


def test_figures_that_the_mode_lacks_are_no_rows():
    table = pd.DataFrame([HERE | {"mode": "prefill", "tpot_ms": 10.0}] * 3)
    assert "with a figure of their mode; got 0" in refused(table)


def test_hardware_of_ones_own_calibrates(runs):
    card = {"hardware": "my-card", "memory_gb": 96, "mem_bw_gbs": 1800, "fp16_tflops": 460}
    table = runs.assign(hardware="my-card")[["hardware", "model", "framework", "num_devices",
                                             "concurrency", "input_len", "output_len"]]  # fmt: skip
    plain = predict_table(table, level=None, hardware=[card])
    made = calibrate(table.assign(tpot_ms=plain["tpot_ms"] * 1.3), hardware=[card])
    found = predict_table(table, level=None, hardware=[card], profile=made)
    assert (found["tpot_ms"] > 1.2 * plain["tpot_ms"]).all()


def command(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def test_the_command_writes_a_profile_that_predict_takes(runs, tmp_path):
    runs.to_csv(tmp_path / "runs.csv", index=False)
    out = tmp_path / "profile.json"
    done = command("calibrate", str(tmp_path / "runs.csv"), "--out", str(out))
    assert done.exit_code == 0
    assert "profile of 4 rows" in done.stdout
    assert load(out).frameworks == ("vllm",)
    words = ["predict", "--hardware", "l40s", "--num-devices", "2", "--model",
             "qwen2.5-7b-instruct", "--framework", "vllm", "--concurrency", "16", "--input-len",
             "512", "--output-len", "128", "--json"]  # fmt: skip
    plain, found = (json.loads(command(*words, *more).stdout)
                    for more in ([], ["--profile", str(out), "--explain"]))  # fmt: skip
    assert found["tpot_ms"] > 1.15 * plain["tpot_ms"]
    assert "4 rows of your own" in found["calibrated"]
    assert found["explanation"]["profile_percent"]["tpot_ms"] > 15
    assert "explanation" not in plain


def test_the_command_tells_why_in_words_and_draws_it(runs, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "why.png"
    done = command("predict", "--hardware", "l4", "--model", "qwen2.5-7b-instruct", "--batch-size",
                   "2", "--input-len", "128", "--output-len", "32", "--explain", "--plot",
                   str(picture))  # fmt: skip
    assert done.exit_code == 0
    assert "Where the time goes" in done.stdout
    assert picture.stat().st_size > 10_000


def test_the_command_says_json_and_refuses_with_two(runs, tmp_path):
    runs.to_parquet(tmp_path / "runs.parquet")
    out = str(tmp_path / "profile.json")
    done = command("calibrate", str(tmp_path / "runs.parquet"), "--out", out, "--json")
    assert json.loads(done.stdout)["facts"]["rows"] == 4
    short = runs[:2]
    short.to_csv(tmp_path / "short.csv", index=False)
    refused = command("calibrate", str(tmp_path / "short.csv"), "--out", out)
    assert refused.exit_code == 2
    assert "3 measured rows or more" in refused.stderr


def test_the_command_takes_hardware_and_models_of_ones_own(runs, tmp_path):
    card = 'hardware = "my-card"\nmemory_gb = 96\nmem_bw_gbs = 1800\nfp16_tflops = 460\n'
    (tmp_path / "my-card.toml").write_text(card, "utf-8")
    runs.assign(hardware="my-card")[["hardware", "model", "framework", "concurrency", "input_len",
                                     "output_len", "tpot_ms"]].to_csv(tmp_path / "runs.csv")
    out = tmp_path / "profile.json"
    words = ["calibrate", str(tmp_path / "runs.csv"), "--out", str(out)]
    assert command(*words).exit_code == 2
    done = command(*words, "--hardware", str(tmp_path / "my-card.toml"))
    assert done.exit_code == 0, done.output
    assert load(out).hardware == ("my-card",)


def test_a_file_that_is_no_table_is_refused(tmp_path):
    with pytest.raises(BadData, match=r"cannot be read|there is none"):
        read(tmp_path / "none.csv")
    (tmp_path / "runs.parquet").write_text("no", "utf-8")
    with pytest.raises(BadData, match=r"cannot be read|there is none"):
        read(tmp_path / "runs.parquet")


def test_a_callers_table_is_left_alone(runs):
    before = runs.copy()
    calibrate(runs)
    pd.testing.assert_frame_equal(runs, before)
    with pytest.raises(InvalidInput):
        calibrate(runs.assign(tpot_ms="x"))
