from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from guide_ml.cli.main import app

ASK = ["--model", "llama-3.1-8b-instruct", "--input-len", "512", "--output-len", "128",
       "--hardware", "l4", "--hardware", "mi300x", "--framework", "vllm"]  # fmt: skip
SEARCH = ["search", *ASK, "--users", "16", "--tpot-ms", "60"]


def guide(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def read(*words: str) -> Any:
    done = guide(*words)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_search_says_what_to_rent_and_why() -> None:
    done = guide(*SEARCH)
    assert done.exit_code == 0, done.output
    for part in ("the deployment to rent", "nvidia-l4-24gb", "USD/h", "a month", "headroom",
                 "tokens/s", "TTFT", "price of 20", "estimates", "Proven", "another vendor",
                 "if sure", "scored in"):  # fmt: skip
        assert part in done.stdout, part


def test_search_writes_json_csv_and_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    csv, picture = tmp_path / "plans.csv", tmp_path / "pareto.png"
    told = read(*SEARCH, "--json", "--csv", str(csv), "--plot", str(picture))
    assert told["proven"]
    table = pd.read_csv(csv)
    assert table.usd_h.tolist() == pytest.approx([p["usd_h"] for p in told["plans"]])
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert {p.name for p in tmp_path.iterdir()} == {"plans.csv", "pareto.png"}


def test_the_command_that_starts_a_replica_describes_what_was_predicted() -> None:
    for plan in read(*SEARCH, "--json")["plans"]:
        verb, *words = plan["start"].removeprefix("guide ").split()
        assert verb == "launch"
        told = read("predict", *words, "--json")  # which takes the same options
        assert told["ttft_ms"] == pytest.approx(plan["ttft_ms"])
        assert told["tpot_ms"] == pytest.approx(plan["tpot_ms"])


def test_options_mean_what_the_call_means() -> None:
    told = read(*SEARCH, "--confidence", "0.9", "--spot", "--vendor", "nvidia", "--json")
    asked = told["request"]
    assert asked["confidence"] == 0.9
    assert asked["load"]["users"] == 16
    assert asked["slo"]["tpot_ms"] == 60
    assert asked["constraints"]["spot"] is True
    assert asked["constraints"]["vendors"] == ["nvidia"]
    assert {p["vendor"] for p in told["plans"]} == {"nvidia"}


def test_nothing_fits_is_an_answer() -> None:
    done = guide(*SEARCH, "--ttft-ms", "5")
    assert done.exit_code == 3
    for part in ("Nothing fits", "TTFT", "Giving way on", "what misses least", "% over"):
        assert part in done.stdout, part


def test_an_offline_job_is_told_as_a_bill() -> None:
    done = guide("search", *ASK, "--offline-tokens", "1e7", "--deadline-h", "10")
    assert done.exit_code == 0, done.output
    assert "USD for the job" in done.stdout
    assert "USD a job" in done.stdout


def test_own_prices_are_searched(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[[offer]]\nprovider = "lab"\nhardware = "l4"\nprice_usd_h = 0.01\n')
    told = read(*SEARCH, "--prices", str(file), "--json")
    assert told["plans"][0]["provider"] == "lab"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["search", *ASK], "load: give one of"),
        ([*SEARCH, "--provider", "awz"], "did you mean aws"),
        ([*SEARCH, "--objective", "price"], "unknown objective"),
        ([*SEARCH, "--plot", "/no/such/folder/x.png"], "cannot be written"),
        ([*SEARCH, "--csv", "/no/such/folder/x.csv"], "cannot be written"),
        (["sweep", *ASK, "--over", "users", "--values", "1,x"], "--values must be numbers"),
        (["sweep", *ASK, "--over", "users", "--values", ","], "at least one number"),
        (["sweep", *ASK, "--users", "4", "--over", "max_devices", "--values", "1.5"], "whole"),
        ([*SEARCH, "--sampler", "foo"], "there are auto, enumerate, nsga2, random, tpe"),
        (["sweep", *ASK, "--over", "usrs", "--values", "1"], "did you mean users"),
        (["prices", "--hardware", "h1000"], "unknown hardware 'h1000'"),
    ],
)  # fmt: skip
def test_wrong_words_end_in_one_sentence(words: list[str], says: str) -> None:
    done = guide(*words)
    assert done.exit_code == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_sweep_is_a_table_a_file_and_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    csv, picture = tmp_path / "sweep.csv", tmp_path / "sweep.svg"
    rows = read("sweep", *ASK, "--over", "users", "--values", "4,64", "--tpot-ms", "60", "--json",
                "--csv", str(csv), "--plot", str(picture))  # fmt: skip
    assert [r["users"] for r in rows] == [4, 64]
    assert pd.read_csv(csv).usd_h.tolist() == pytest.approx([r["usd_h"] for r in rows])
    assert b"<svg" in picture.read_bytes()


def test_a_sweep_of_a_limit_tells_the_limit_beside_what_is_reached() -> None:
    rows = read("sweep", *ASK, "--users", "8", "--over", "ttft_ms", "--values", "300,2000",
                "--json")  # fmt: skip
    assert [r["ttft_limit_ms"] for r in rows] == [300, 2000]
    assert all(r["ttft_ms"] < r["ttft_limit_ms"] for r in rows)


def test_the_front_is_told_and_no_progress_is_left_behind() -> None:
    done = guide(*SEARCH, "--objective", "cost", "--objective", "latency", "--n-trials", "100")
    assert "Pareto front of cost and latency" in done.stdout
    assert "scoring" not in done.stderr


def test_no_offer_left_says_what_to_loosen() -> None:
    done = guide("prices", "--hardware", "h100", "--max-usd-h", "0.01")
    assert done.exit_code == 0
    assert "No offer is left" in done.stdout


def test_a_sweep_of_a_budget_tells_where_it_is_too_small() -> None:
    done = guide("sweep", *ASK, "--users", "8", "--over", "max_usd_h", "--values", "0.01,5")
    assert done.exit_code == 0, done.output
    assert "Nothing fits" in done.stdout
    assert "nvidia-l4-24gb" in done.stdout


def test_prices_lists_offers_the_cheapest_per_device_first() -> None:
    rows = read("prices", "--hardware", "h100", "--limit", "30", "--json")
    each = [r["usd_h_device"] for r in rows]
    assert each == sorted(each)
    assert {r["hardware"] for r in rows} == {"nvidia-h100-sxm-80gb"}
    assert all(r["provider"] and r["region"] and r["as_of"] >= "2024" for r in rows)
    done = guide("prices", "--hardware", "h100", "--limit", "2")
    assert "2 of " in done.stdout
    spot = read("prices", "--spot", "--undated", "--limit", "0", "--json")
    assert any(r["spot"] for r in spot)
    assert "undated" in {r["as_of"] for r in spot}


def test_prices_can_be_fetched(tmp_path: Path, monkeypatch) -> None:
    item = SimpleNamespace(provider="cloud", location="r1", instance_name="box", gpu_name="L4",
                           gpu_memory=24.0, gpu_count=1, price=0.5, spot=False)  # fmt: skip
    monkeypatch.setattr("guide_ml.offers.refresh.fetch", lambda: [item])
    out = tmp_path / "prices.csv"
    done = guide("prices", "refresh", "--out", str(out))
    assert done.exit_code == 0, done.output
    assert "1 offers in" in done.stdout
    rows = read("prices", "--prices", str(out), "--provider", "cloud", "--json")
    assert [r["usd_h"] for r in rows] == [0.5]
    monkeypatch.setattr("guide_ml.offers.refresh.fetch", list)
    empty = guide("prices", "refresh", "--out", str(tmp_path / "none.csv"))
    assert (empty.exit_code, "no offer" in empty.stderr) == (2, True)


@pytest.mark.parametrize("verb", [["search"], ["sweep"], ["prices"], ["prices", "refresh"]])
def test_every_verb_explains_itself_with_examples(verb: list[str]) -> None:
    done = guide(*verb, "--help")
    assert done.exit_code == 0
    assert "Examples" in done.stdout
    assert f"guide {verb[0]}" in done.stdout


HERE = ["search", "--model", "llama-3.1-8b-instruct", "--input-len", "512", "--output-len", "128",
        "--hardware", "l4", "--framework", "vllm", "--json"]  # fmt: skip


def test_exit_status_tells_a_wrong_request_from_one_that_nothing_keeps() -> None:
    assert CliRunner().invoke(app, [*HERE, "--users", "4"]).exit_code == 0
    nothing = CliRunner().invoke(app, [*HERE, "--users", "4", "--ttft-ms", "1"])
    assert nothing.exit_code == 3
    assert json.loads(nothing.stdout)["binds"] == ["ttft_ms"]
    assert CliRunner().invoke(app, [*HERE, "--users", "4", "--confidence", "2"]).exit_code == 2
    big = [x.replace("llama-3.1-8b-instruct", "meta-llama/Llama-3.1-405B") for x in HERE]
    assert CliRunner().invoke(app, [*big, "--users", "4", "--max-devices", "1"]).exit_code == 3


def test_people_and_jobs_are_loads() -> None:
    def load(*options: str) -> dict:
        done = CliRunner().invoke(app, [*HERE, *options])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)["request"]["load"]

    assert load("--people", "200", "--busy-share", "0.05")["users"] == 10
    job = ("--deadline-h", "24")
    assert load("--offline-requests", "1000", *job)["offline_tokens"] == 128_000
    assert load("--offline-input-tokens", "512000", *job)["offline_tokens"] == 128_000
    for wrong in (["--people", "9"], ["--people", "9", "--busy-share", "2"],
                  ["--people", "9", "--busy-share", "0.1", "--users", "3"],
                  ["--offline-requests", "-1", *job]):  # fmt: skip
        assert CliRunner().invoke(app, [*HERE, *wrong]).exit_code == 2


def test_the_longest_request_and_the_age_of_prices_are_in_the_answer() -> None:
    limits = ["--max-request-tokens", "8192", "--cached-prompt-tokens", "100"]
    told = json.loads(CliRunner().invoke(app, [*HERE, "--users", "4", *limits]).stdout)
    assert told["plans"][0]["max_len"] == 8192
    assert "--max-request-tokens 8192" in told["plans"][0]["start"]
    assert told["request"]["workload"]["context_depth"] == 100
    assert told["prices_as_of"] in {p["price_date"] for p in told["plans"]}
    assert any(told["plans"][0]["price_date"] in line for line in told["why"])
    short = CliRunner().invoke(app, [*HERE, "--users", "4", "--max-request-tokens", "9"])
    assert short.exit_code == 2


def test_providers_are_listed_and_prices_are_one_a_device_and_provider() -> None:
    rows = json.loads(CliRunner().invoke(app, ["list", "providers", "--json"]).stdout)
    assert len({r["provider"] for r in rows}) == len(rows) > 10
    asked = ["prices", "--hardware", "h100", "--limit", "0", "--json"]
    few, every = (json.loads(CliRunner().invoke(app, [*asked, *more]).stdout)
                  for more in ([], ["--all"]))  # fmt: skip
    assert len({r["provider"] for r in few}) == len(few) < len(every)
