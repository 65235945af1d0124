"""Profiles: shrunken, in scope, within physics, readable and safe to load."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guide_ml.api import predict, predict_table
from guide_ml.describe.targets import NAMES, TARGETS
from guide_ml.errors import BadArtefact, InvalidInput
from guide_ml.estimators.predictor import default_predictor
from guide_ml.profiles import Profile, apply, load, profile_of
from guide_ml.profiles.effects import (
    COUPLING,
    TERMS,
    TRAITS,
    covariance,
    covariances,
    traits,
    weighed,
)
from guide_ml.profiles.shrink import MOST_CELLS, cells, solve
from guide_ml.table.assume import resolve
from guide_ml.table.read import read

HERE: dict[str, Any] = {"hardware": "l40s", "model": "llama-3.1-8b-instruct", "framework": "vllm",
        "input_len": 512.0, "output_len": 128.0}  # fmt: skip
TPOT = NAMES.index("tpot_ms")
TIMES = [t.name for t in TARGETS if t.is_time]


def resolved(*rows: dict[str, Any]) -> Any:
    return resolve(read(pd.DataFrame([HERE | row for row in rows])))


def traits_of(found: Any) -> pd.DataFrame:
    return traits(found.columns, found.names)


def profile(
    ratios: list[float], targets: tuple[int, ...] = (TPOT,), users: Any = None, **where: Any
) -> Profile:
    """Make a profile of several loads of one deployment, off by the given ratios."""
    users = users or range(1, len(ratios) + 1)
    own = traits_of(resolved(*[where | {"concurrency": float(u)} for u in users]))
    n = len(targets)
    repeated = pd.concat([own] * n, ignore_index=True)
    target = np.repeat(np.asarray(targets, dtype=np.intp), len(ratios))
    card = default_predictor().card
    return Profile(cells(repeated, target, np.log(np.tile(ratios, n))),
                   str(card["artefact_sha256"]), {"rows": len(ratios)})  # fmt: skip


def factor(made: Profile, target: int = TPOT, **asked: Any) -> float:
    """Return what a profile multiplies a prediction with."""
    found = resolved({"concurrency": 8.0} | asked)
    ones = {name: np.ones(1) for name in NAMES}
    return float(made.correct(found.columns, found.names, ones)[NAMES[target]][0])


def test_many_rows_that_agree_are_nearly_believed():
    assert 1.37 < factor(profile([1.4] * 20)) < 1.4


def test_few_rows_are_believed_less_than_many():
    found = [factor(profile([1.4] * n)) for n in (1, 3, 10, 30)]
    assert 1.0 < found[0] < found[1] < found[2] < found[3] < 1.4


def test_three_noisy_rows_do_not_spoil_a_prediction():
    assert 0.85 < factor(profile([0.5, 1.0, 1.6])) < 1.15


def test_one_wild_row_among_four_hardly_counts():
    assert abs(factor(profile([1.0, 1.0, 1.0, 20.0])) - 1.0) < 0.05


def test_a_wild_deployment_is_trusted_less_than_linearly():
    moved = [np.log(factor(profile([r]))) / np.log(r) for r in (1.3, 3.0, 20.0)]
    assert moved[0] > moved[1] > moved[2] > 0.0


def test_rows_that_agree_with_the_model_change_nothing():
    assert factor(profile([1.0] * 5, targets=(0, 1, 2, 3))) == pytest.approx(1.0)


def test_what_is_less_alike_is_corrected_less():
    made = profile([1.5] * 10)
    found = [factor(made), factor(made, model="qwen2.5-7b-instruct"),
             factor(made, framework="sglang"), factor(made, hardware="a100-80gb"),
             factor(made, hardware="a100-80gb", framework="sglang")]  # fmt: skip
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 5
    assert found[-1] == 1.0


def test_slow_steps_lower_the_throughput_that_was_not_measured():
    made = profile([1.5] * 10)
    assert factor(made, NAMES.index("output_tok_s")) < 0.85
    assert factor(made, NAMES.index("batch_latency_s"), concurrency=None, batch_size=4) > 1.1


def test_the_prior_is_a_covariance():
    found = resolved(*[{"concurrency": 1.0, "hardware": h, "framework": f, "model": m}
                       for h in ("l4", "h100") for f in ("vllm", "sglang")
                       for m in ("llama-3.1-8b-instruct", "qwen2.5-7b-instruct")])  # fmt: skip
    own = pd.concat([traits_of(found).assign(sequences=2.0**np.arange(8))] * 4, ignore_index=True)
    target = np.repeat(np.arange(4), 8)
    matrix = covariance(own, own, target, target)
    assert np.allclose(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix).min() > -1e-9
    assert np.linalg.eigvalsh(COUPLING).min() > 0.0
    assert all(set(t.keys) <= set(TRAITS) for t in TERMS)


def test_every_way_to_ask_for_covariances_gives_the_same():
    asked = [{"concurrency": c, "hardware": h} for c in (1.0, 9.0) for h in ("l4", "h100")]
    found = resolved(*asked)
    own, target = traits_of(found), np.asarray([0, 1, 3, 2])
    weights = np.asarray([0.3, -0.2, 0.5, 1.0])
    together = covariances(own, own, target)
    for t in range(len(NAMES)):
        alone = covariance(own, own, np.full(4, t), target)
        assert np.allclose(together[t], alone)
        assert np.allclose(weighed(own, own, target, weights)[:, t], alone @ weights)


def test_a_profile_tells_other_kv_precision_and_expert_layouts_apart():
    made = profile([1.5] * 10)
    assert 1.0 < factor(made, kv_dtype="fp8") < factor(made) - 0.05
    moe: dict[str, Any] = {"model": "qwen3-30b-a3b", "hardware": "h100", "num_devices": 4.0,
                           "tp": 4.0}  # fmt: skip
    made = profile([1.5] * 10, **moe)
    assert 1.0 < factor(made, **moe, ep=4.0) < factor(made, **moe) - 0.05


def test_what_happens_under_large_batches_only_is_corrected_there_only():
    made = profile([1.0, 1.0, 1.0, 1.8, 1.8, 1.8], users=(1, 2, 3, 100, 128, 160))
    found = [factor(made, concurrency=c) for c in (2.0, 20.0, 128.0)]
    assert found[0] < 1.1
    assert found[0] < found[1] < found[2]
    assert found[2] > 1.6


def test_a_load_far_from_all_measured_ones_gets_what_the_deployment_shares():
    made = profile([1.6] * 4, users=(1, 2, 3, 4))
    near, far = (factor(made, concurrency=2.0, input_len=i) for i in (512.0, 131_072.0))
    assert 1.0 < far < near
    asked = [resolved({"concurrency": 2.0, "input_len": i}) for i in (512.0, 131_072.0)]
    narrow, wide = (made.width(a.columns, a.names)["tpot_ms"][0] for a in asked)
    assert narrow < wide < 1.0


def test_many_rows_are_summed_up_where_loads_are_close():
    found = resolved({"concurrency": 1.0})
    n = 3 * MOST_CELLS
    own = pd.concat([traits_of(found)] * n, ignore_index=True)
    own = own.assign(sequences=np.geomspace(1.0, 512.0, n), input_len=np.geomspace(8.0, 1e5, n))
    true = 0.3 * np.sin(np.log(own["sequences"].to_numpy()))
    few = cells(own, np.full(n, TPOT), true)
    assert len(few.n) <= MOST_CELLS
    assert few.n.sum() == n
    moved = solve(few).mean(own[::100])[:, TPOT]
    assert np.abs(moved - true[::100]).max() < 0.03


def test_runs_of_one_load_are_one_cell_whatever_their_order():
    one, other = resolved({"concurrency": 4.0}), resolved({"concurrency": 8.0})
    own = pd.concat([traits_of(x) for x in (one, other, one)], ignore_index=True)
    found = cells(own, np.full(3, TPOT), np.asarray([0.1, 0.5, 0.3]))
    assert found.traits["sequences"].tolist() == [4.0, 8.0]
    assert found.n.tolist() == [2.0, 1.0]
    assert found.log_ratio.tolist() == pytest.approx([0.2, 0.5])


def test_intervals_narrow_with_evidence_and_never_widen():
    asked = resolved({"concurrency": 8.0}, {"concurrency": 8.0, "model": "qwen2.5-7b-instruct"},
                     {"concurrency": 8.0, "hardware": "h100", "framework": "sglang"})  # fmt: skip
    widths = [profile([1.2] * n).width(asked.columns, asked.names)["tpot_ms"] for n in (1, 3, 20)]
    assert widths[0][0] > widths[1][0] > widths[2][0] > 0.2
    assert all(w[0] < w[1] <= 1.0 for w in widths)
    assert all(w[2] == 1.0 for w in widths)


@pytest.mark.parametrize("ratio", [0.05, 0.6, 3.0])
def test_floors_intervals_and_definitions_hold_under_a_profile(ratio):
    made = profile([ratio] * 20, targets=(0, 1, 2, 3))
    table = pd.DataFrame([HERE | {"batch_size": 2.0**i} for i in range(6)]
                         + [HERE | {"concurrency": 2.0**i} for i in range(6)])  # fmt: skip
    found = predict_table(table, profile=made)
    floors = default_predictor().predict(resolve(read(table))).floors
    for target in TARGETS:
        value = found[target.name].to_numpy()
        has = np.isfinite(value)
        low, high = (found[f"{target.name}_{end}"].to_numpy()[has] for end in ("low", "high"))
        assert (low <= value[has] * (1 + 1e-12)).all()
        assert (value[has] <= high * (1 + 1e-12)).all()
        bound = floors[target.name][has]
        assert ((low >= bound) if target.is_time else (high <= bound * (1 + 1e-12))).all()
    static = found[:6]
    tokens = table["batch_size"][:6] * table["output_len"][:6]
    assert np.allclose(static["output_tok_s"], tokens / static["batch_latency_s"])
    assert np.allclose(static["output_tok_s_low"], tokens / static["batch_latency_s_high"])
    server = found[6:]
    flight_ms = server["ttft_ms"] + (table["output_len"][6:] - 1.0) * server["tpot_ms"]
    tokens = table["concurrency"][6:] * table["output_len"][6:]
    assert np.allclose(server["output_tok_s"], 1000.0 * tokens / flight_ms)
    most = np.maximum(1000 * static["batch_latency_s_high"], static["ttft_ms"])
    assert (static["ttft_ms_high"] <= most * (1 + 1e-12)).all()


@pytest.mark.parametrize("ratios", [[2.0, 0.7, 1.4], [3.0, 1.0, 0.4], [0.4, 1.0, 3.0]])
@pytest.mark.parametrize("axis", ["concurrency", "batch_size", "input_len"])
def test_latencies_go_on_rising_with_the_load(axis, ratios):
    made = profile(ratios, targets=(0, 1, 2), users=(1, 8, 64))
    base = HERE | ({} if axis != "input_len" else {"batch_size": 4.0})
    table = pd.DataFrame([base | {axis: 2.0**i} for i in range(9)])
    plain, found = (predict_table(table, level=None, profile=p) for p in (None, made))
    for name in TIMES:
        before, value = plain[name].dropna().to_numpy(), found[name].dropna().to_numpy()
        rising = np.diff(before) >= 0
        assert rising.sum() >= len(before) // 2 or (axis, name) == ("input_len", "tpot_ms")
        assert (np.diff(value)[rising] >= -1e-9 * value[1:][rising]).all()
        moved = (found[name] / plain[name]).dropna()
        assert len(moved) == 0 or not np.allclose(moved, 1.0, rtol=0.01)


def test_one_call_and_a_table_agree_and_say_what_the_profile_did():
    made = profile([1.5] * 5)
    one = predict(**HERE | {"concurrency": 8}, profile=made)
    row = predict_table(pd.DataFrame([HERE | {"concurrency": 8}]), profile=made)
    assert one.tpot_ms == row["tpot_ms"][0]
    assert "5 rows of your own, which measured nvidia-l40s-48gb and vllm" in one.calibrated
    other = predict(**HERE | {"concurrency": 8, "hardware": "h100", "framework": "sglang"},
                    profile=made)  # fmt: skip
    assert other.calibrated.startswith("not corrected")
    assert predict(**HERE | {"concurrency": 8}).calibrated == ""


def test_an_explanation_tells_what_the_profile_moved():
    made = profile([1.5] * 10)
    why = predict(**HERE | {"concurrency": 8}, profile=made).explain()
    assert 30 < why.profile_percent["tpot_ms"] < 50
    assert "What your own measurements say beyond that" in why.text()
    assert sum(why.parts["tpot_ms"].values()) == pytest.approx(why.predicted["tpot_ms"])


def test_a_profile_survives_its_file(tmp_path):
    made = profile([1.2, 1.5, 1.3], targets=(1, 2))
    path = made.save(tmp_path / "profile.json")
    back = load(path)
    assert factor(back) == pytest.approx(factor(made), rel=1e-5)
    assert back.hardware == ("nvidia-l40s-48gb",)
    assert [p.name for p in tmp_path.iterdir()] == ["profile.json"]
    assert predict(**HERE | {"concurrency": 8}, profile=path).calibrated


def test_a_profile_of_another_trained_set_is_refused():
    made = profile([1.2] * 3)
    strange = Profile(made.cells, "0" * 64, made.facts)
    with pytest.raises(InvalidInput, match="run guide calibrate again"):
        predict(**HERE | {"concurrency": 8}, profile=strange)


BREAKS: dict[str, Any] = {
    "is no list": lambda d: d.update(measured=7), "is empty": lambda d: d.update(measured=[]),
    "lacks a trait": lambda d: d["measured"][0].pop("hardware"),
    "lacks a load": lambda d: d["measured"][0].pop("sequences"),
    "of a negative load": lambda d: d["measured"][0].update(input_len=-1),
    "of an unknown target": lambda d: d["measured"][0].update(target="speed"),
    "of an unknown mode": lambda d: d["measured"][0].update(mode="open"),
    "with text for a number": lambda d: d["measured"][0].update(n="many"),
    "with an absurd ratio": lambda d: d["measured"][0].update(measured_over_predicted=1e9),
    "with a negative ratio": lambda d: d["measured"][0].update(measured_over_predicted=-1),
    "of no rows": lambda d: d["measured"][0].update(n=0),
    "with a truth value": lambda d: d["measured"][0].update(tp=True),
    "with a number for a name": lambda d: d["measured"][0].update(model=3),
    "without fingerprint": lambda d: d.pop("trained_set"),
    "of another format": lambda d: d.update(format=99), "of another kind": lambda d: d.pop("kind"),
}  # fmt: skip


@pytest.mark.parametrize("how", BREAKS)
def test_a_broken_file_is_refused_in_a_sentence(tmp_path, how):
    path = profile([1.2] * 3).save(tmp_path / "profile.json")
    plain = json.loads(path.read_text("utf-8"))
    BREAKS[how](plain)
    path.write_text(json.dumps(plain), "utf-8")
    with pytest.raises(BadArtefact, match=r"profile\.json must be"):
        load(path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": 1}', "\x00"])
def test_what_is_no_profile_is_refused(tmp_path, text):
    path = tmp_path / "profile.json"
    path.write_text(text, "utf-8")
    with pytest.raises(BadArtefact, match="must be"):
        load(path)
    with pytest.raises(BadArtefact, match="readable"):
        load(tmp_path / "none.json")


def test_a_profile_is_an_object_or_a_file(tmp_path):
    assert profile_of(None) is None
    with pytest.raises(InvalidInput, match="profile must be"):
        profile_of(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="cannot be written"):
        profile([1.2] * 3).save(tmp_path / "none" / "profile.json")


def test_rows_without_a_prediction_stay_without(tmp_path):
    made = profile([1.5] * 5)
    table = pd.DataFrame([HERE | {"concurrency": 8}, HERE | {"hardware": "no such"},
                          HERE | {"model": "meta-llama/Llama-3.1-405B", "concurrency": 8}])
    found = predict_table(table, errors="report", profile=made)
    assert found["tpot_ms"].notna().tolist() == [True, False, False]
    assert found["error"].ne("").tolist() == [False, True, True]


def test_applying_a_profile_leaves_what_it_is_given_alone():
    made, asked = profile([1.5] * 5), resolved({"concurrency": 8.0})
    outcome = default_predictor().predict(asked)
    before = outcome.values["tpot_ms"].copy()
    moved = default_predictor().predict(asked, profile=made).values
    found = apply.values(made, asked, outcome.values, moved, outcome.floors)
    assert outcome.values["tpot_ms"] == before
    assert found["tpot_ms"] > 1.2 * before
    assert found["tpot_ms"] == pytest.approx(before * factor(made))


def test_solving_is_deterministic_and_takes_one_cell():
    made = profile([1.3])
    first, second = solve(made.cells), solve(made.cells)
    assert np.array_equal(first.weights, second.weights)
