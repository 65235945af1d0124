"""Five plain questions: what stands for plain words, and that the answer says what was found."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from typer.testing import CliRunner

from guide_ml.api import predict
from guide_ml.catalogue import model as catalogue_model
from guide_ml.cli import plan as cli_plan
from guide_ml.cli.main import app
from guide_ml.errors import GuideError, InvalidInput, UnknownName
from guide_ml.offers.listing import list_offers
from guide_ml.planning import Answer, Questions, choices, details, plan
from guide_ml.planning.asking import search_for
from guide_ml.planning.evidence import prefer, surer
from guide_ml.planning.presets import limits, presets, reading_tok_s
from guide_ml.searching import search

#: A machine of one's own has a small space, so that a search takes little.
OWN: dict[str, Any] = {"use": "chat", "people": 20, "where": "own", "hardware": "l4",
                       "model": "qwen3-8b", "feel": "relaxed"}  # fmt: skip


@cache
def asked(**changes: Any) -> Answer:
    return plan(OWN | changes)


def said(answer: Answer) -> dict[str, str]:
    return {one.key: one.text for one in answer.said}


@pytest.mark.parametrize("use", list(presets()["uses"]))
def test_every_use_names_its_source_and_a_model_that_is_known(use: str) -> None:
    told = choices()
    assert told["uses"][use]["source"]
    assert catalogue_model(told["suggested"][use]).max_position >= sum(Questions(use=use).lengths)
    if use != "other":
        assert any(c.isdigit() for c in told["uses"][use]["source"])


def test_every_listed_model_is_in_the_catalogue_with_licence_and_purpose() -> None:
    for one in choices()["models"]:
        assert one["licence"]
        assert one["good_for"]
        assert set(one["uses"]) <= set(presets()["uses"])
        assert one["params_total_b"] > 0


def test_places_hold_regions_of_the_price_list_and_no_others_by_chance() -> None:
    """Regions are matched by parts of their names, so one place must not catch another's."""
    regions = set(list_offers(spot=True, undated=True)["region"])
    places = presets()["places"]
    for place, parts in places.items():
        caught = {r for r in regions for part in parts if part.lower() in r.lower()}
        assert caught, place
        assert caught <= set(parts), (place, caught - set(parts))


def test_two_hundred_employees_are_about_eight_at_once_and_it_can_be_said_otherwise() -> None:
    assert Questions(people=200).in_flight == 8
    assert Questions(people=200, at_once=20).in_flight == 20
    assert Questions(people=3).in_flight == 1
    assert Questions(people=200, busy="busy").in_flight == 20


def test_a_faster_feel_asks_for_more() -> None:
    found = [limits(name) for name in presets()["feel"]]
    for slow, fast in pairwise(found):
        assert fast["ttft_ms"] < slow["ttft_ms"]
        assert fast["tpot_ms"] <= slow["tpot_ms"]
    assert found[0]["tpot_ms"] == pytest.approx(1000 / reading_tok_s(), abs=0.1)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [({"use": "games"}, "games"), ({"people": -3}, "people"), ({"people": "many"}, "people"),
     ({"feel": "warp"}, "warp"), ({"busy": "no"}, "busy-ness"), ({"budget": 0}, "budget"),
     ({"countries": ("Atlantis",)}, "Atlantis"), ({"countries": "Germany"}, "list"),
     ({"where": "moon"}, "moon"), ({"where": "own"}, "hardware"), ({"hardware": "l4"}, "own"),
     ({"people": 5, "at_once": 9}, "at_once"), ({"people": float("nan")}, "people"),
     ({"where": "own", "hardware": "l4", "num_devices": 0}, "num_devices"),
     ({"people": 1e12}, "people"), ({"output_len": 1}, "output_len"), ({"persons": 3}, "persons")],
)  # fmt: skip
def test_a_nonsensical_answer_gets_one_sentence(wrong: dict[str, Any], word: str) -> None:
    with pytest.raises((InvalidInput, UnknownName), match=word):
        plan(wrong)


def test_an_unknown_model_gets_the_nearest_names() -> None:
    with pytest.raises(GuideError, match="unknown model"):
        plan(OWN | {"model": "chatgpt-9"})


def test_the_request_is_what_a_search_takes() -> None:
    answer = asked()
    again = search(**search_for(Questions(**OWN)))
    assert again.best is not None
    assert answer.best is not None
    mine, other = answer.best.to_dict(), again.best.to_dict()
    assert mine == other


def test_the_words_hold_the_figures_of_the_plan() -> None:
    answer = asked()
    words, best = said(answer), answer.best
    assert best is not None
    assert best.ttft_ms
    assert words["headline"].startswith("Yes, your machine serves this: one NVIDIA L4 (24 GB)")
    assert f"{best.ttft_ms / 1000:.2f} seconds" in words["feel"]
    assert f"{best.usd_month:,.2f} USD a month" in words["cost"]
    assert "1 of them" in words["asked"]
    assert "19,366 requests" in words["asked"]
    assert answer.prediction is not None
    assert answer.prediction.ttft_ms == pytest.approx(best.ttft_ms)


def test_a_larger_model_is_squeezed_on_ones_own_machine_and_it_is_said() -> None:
    answer = asked(model="qwen3-32b", feel="patient")
    assert answer.narrowed
    if answer.serves:
        assert "4 bits" in said(answer)["care"]


def test_a_machine_that_cannot_hold_the_model_says_so_and_what_would_help() -> None:
    answer = asked(model="llama-3.1-405b", feel="patient")
    words = said(answer)
    assert not answer.serves
    assert words["headline"].startswith("No, your machine")
    assert words["ways"]
    assert json.dumps(answer.to_dict(), default=str)


def test_details_add_up() -> None:
    told = details(hardware="l4", model="qwen3-8b", framework="vllm", concurrency=4,
                   input_len=512, output_len=64)  # fmt: skip
    one = predict(hardware="l4", model="qwen3-8b", framework="vllm", concurrency=4, input_len=512,
                  output_len=64)  # fmt: skip
    assert told["prediction"] == one.to_dict()
    assert sum(part["gb"] for part in told["memory"]) == pytest.approx(one.memory.total_gb)
    assert told["parts"]["ttft_ms"]["title"]
    parts = sum(part["ms"] for part in told["parts"]["ttft_ms"]["parts"])
    assert parts == pytest.approx(one.ttft_ms)
    at = told["load"]["at_once"].index(4)
    assert told["load"]["at_once"] == sorted(set(told["load"]["at_once"]))
    assert told["load"]["ttft_ms"][at] == pytest.approx(one.ttft_ms)
    rare = predict(hardware="l4", model="qwen3-8b", framework="vllm", concurrency=4, input_len=512,
                   output_len=64, ttft_stat="p99", tpot_stat="p99")  # fmt: skip
    assert told["load"]["ttft_p99_ms"][at] == pytest.approx(rare.ttft_ms)
    assert told["load"]["tpot_p99_ms"][at] == pytest.approx(rare.tpot_ms)
    assert told["start"]["command"].startswith("vllm serve")
    assert "services" in told["start"]["compose"]
    assert "kind: Deployment" in told["start"]["kubernetes"]


def test_the_command_line_says_what_the_call_says() -> None:
    words = ["plan", "--use", "chat", "--people", "20", "--hardware", "l4", "--model", "qwen3-8b",
             "--feel", "relaxed"]  # fmt: skip
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    plain = re.sub(r"\s+", " ", done.stdout)
    for one in asked().said:
        for line in one.lines:
            assert re.sub(r"\s+", " ", line) in plain
    read = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert read["said"] == asked().to_dict()["said"]


def test_the_command_line_ends_bad_answers_in_one_sentence() -> None:
    done = CliRunner().invoke(app, ["plan", "--people", "-5"])
    assert done.exit_code == 2
    assert "people must be a number above 0" in done.stderr
    assert "Traceback" not in done.output


def test_the_terminal_asks_five_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blank answers take what is usual; a machine of one's own is asked for its GPU."""
    given = {"1. What": "chat", "5. Where": "own"}
    asked_for: list[str] = []

    def prompt(text: str, default: Any = None, **_: Any) -> Any:
        asked_for.append(text.strip())
        if "GPU" in text:
            return "l4"
        return default

    def choose(question: str, among: dict[str, str], default: str) -> str:
        asked_for.append(question)
        return next((v for k, v in given.items() if question.startswith(k)), default)

    monkeypatch.setattr("typer.prompt", prompt)
    monkeypatch.setattr("guide_ml.cli.report.show", lambda b: asked_for.append(b[0].title))
    monkeypatch.setattr(cli_plan, "_choose", choose)
    found = cli_plan._ask()
    for number in "12345":
        assert any(q.startswith(f"{number}.") for q in asked_for)
    assert found == {"use": "chat", "people": 50.0, "busy": "usual", "feel": "brisk",
                     "model": "openai/gpt-oss-20b", "where": "own", "hardware": "l4",
                     "num_devices": 1}  # fmt: skip
    Questions(**found)


def test_a_model_by_value_is_asked_about_by_its_config() -> None:
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 2048,
              "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8,
              "intermediate_size": 8192, "vocab_size": 128256, "max_position_embeddings": 131072,
              "torch_dtype": "bfloat16", "_name_or_path": "mine/tiny"}  # fmt: skip
    answer = plan(OWN | {"model": config})
    assert answer.serves
    assert answer.to_dict()["questions"]["model"] == "mine/tiny"
    assert "mine/tiny" in said(answer)["asked"]


def test_people_are_counted_by_the_share_that_is_busy() -> None:
    few = Questions(people=20)
    assert (few.in_flight, few.busy_share) == (1.0, 0.04)  # 0.8 of a request is one
    assert Questions(people=50, at_once=10).busy_share == 0.2
    answer = plan({"people": 20, "use": "chat"})
    said = next(line for part in answer.said for line in part.lines if "waiting at once" in line)
    room, people = (int(x.replace(",", "")) for x in re.findall(r"about ([\d,]+)", said))
    assert people == room / 0.04


def test_a_guess_gives_way_to_what_rests_on_measurements_at_nearly_its_price() -> None:
    found = asked().found
    assert found
    assert found.best
    guess = replace(found.best, in_domain="far", usd_h=1.0, hardware="nvidia-rtx-3090-24gb")
    like, dear = (replace(found.best, in_domain="near", usd_h=usd) for usd in (1.2, 2.0))
    near, aside = prefer(replace(found, plans=(guess, like), front=()))
    assert (near.best, aside) == (like, guess)
    assert "20 % dearer than the cheapest, which is a guess" in near.why[0]
    lone, none = prefer(replace(found, plans=(guess, dear), front=()))
    assert (lone.best, none, surer(lone), surer(near)) == (guess, None, dear, None)
    rented = replace(asked(), questions=Questions(people=200), found=lone)
    words = said(rented)
    assert "This is a guess" in words["headline"]
    assert "What rests on measurements costs more" in words["sure"]
    words = said(replace(rented, found=near, guess=guess))
    assert "guess" not in words["headline"]
    assert "nobody has measured anything much like it" in words["cheaper"]
