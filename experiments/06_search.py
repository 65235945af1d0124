"""Does the search find the cheapest deployment, at what effort?

Requests from 1B to 700B parameters: chat, retrieval, long context, offline, under tight and loose
limits. For each, every point of the space is scored (enumeration); what the search finds is held
against the optimum, beside Optuna's TPE and NSGA-II alone and random points, all with as many
points. *Found after* tells how many points were scored when the first within 1 % of the optimum
was among them: how far the search is from running out of points. Large spaces are searched with
several seeds. Writes results/06_search.csv and .md.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tables import shipped, stamp

import guide_ml
from guide_ml import catalogue
from guide_ml.searching.drive import Driven, drive
from guide_ml.searching.plans import judge
from guide_ml.searching.request import SLO, Constraints, Load, Request
from guide_ml.searching.run import pose
from guide_ml.searching.score import Problem
from guide_ml.searching.study import Trials

RESULTS = Path(__file__).parent / "results"
FILE = RESULTS / "06_search.csv"
WAYS = ("auto", "enumerate", "tpe", "nsga2", "random")
SEED, SEEDS = 0, 5  # of spaces of more than BIG points
BIG, FEW, CLOSE, FAST_S = 50_000, 0.02, 1.01, 10.0  # goals
ENUMERATED_S = 15.0  # seconds for BIG points

CHAT, RAG, LONG, WRITE = (1024, 256), (6000, 300), (30000, 500), (500, 1500)
#: Precisions and engines beyond the usual ones make spaces of more than 50,000 points.
WIDE = {
    "frameworks": ("vllm", "sglang", "tensorrt-llm", "tgi"), "marketplace": True, "undated": True,
    "weight_dtypes": ("bf16", "fp16", "fp8", "int8", "w8a16", "awq-int4", "nvfp4", "mxfp4"),
}  # fmt: skip

#: Model, tokens in and out, load, limits, further constraints, confidence.
REQUESTS: dict[str, tuple[str, tuple[int, int], dict, dict, dict, float]] = {
    "1B chat, loose": ("llama-3.2-1b-instruct", CHAT, {"users": 100},
                       {"ttft_ms": 2000, "tpot_ms": 100}, {}, 0.5),
    "1B chat, tight": ("llama-3.2-1b-instruct", CHAT, {"users": 100},
                       {"ttft_ms": 100, "tpot_ms": 6}, {}, 0.5),
    "3B offline": ("llama-3.2-3b-instruct", WRITE, {"offline_tokens": 5e8, "deadline_h": 8}, {},
                   {}, 0.5),
    "8B chat, loose": ("llama-3.1-8b-instruct", CHAT, {"requests_per_s": 30},
                       {"ttft_ms": 2000, "tpot_ms": 80}, {}, 0.5),
    "8B chat, tight": ("llama-3.1-8b-instruct", CHAT, {"requests_per_s": 30},
                       {"ttft_ms": 200, "tpot_ms": 12}, {}, 0.5),
    "8B chat, sure": ("llama-3.1-8b-instruct", CHAT, {"users": 300},
                      {"ttft_ms": 1000, "tpot_ms": 40}, {}, 0.9),
    "8B retrieval": ("llama-3.1-8b-instruct", RAG, {"requests_per_s": 5},
                     {"ttft_ms": 1500, "tpot_ms": 40}, {}, 0.5),
    "8B chat, wide space": ("llama-3.1-8b-instruct", CHAT, {"users": 500},
                            {"ttft_ms": 1000, "tpot_ms": 30}, WIDE, 0.5),
    "15B chat, spot": ("phi-4", CHAT, {"tokens_per_s": 5000}, {"ttft_ms": 1000, "tpot_ms": 50},
                       {"spot": True}, 0.5),
    "30B MoE chat": ("qwen3-30b-a3b", CHAT, {"requests_per_s": 20},
                     {"ttft_ms": 800, "tpot_ms": 25}, {}, 0.5),
    "32B long context": ("qwen3-32b", LONG, {"users": 10}, {"ttft_ms": 8000, "tpot_ms": 50}, {},
                         0.5),
    "32B writing, AMD": ("qwen3-32b", WRITE, {"users": 150}, {"tpot_ms": 40},
                         {"vendors": ("amd",)}, 0.5),
    "47B MoE chat, tight": ("mixtral-8x7b-instruct-v0.1", CHAT, {"users": 64},
                            {"ttft_ms": 300, "tpot_ms": 12}, {}, 0.5),
    "70B chat, loose": ("llama-3.1-70b-instruct", CHAT, {"users": 200},
                        {"ttft_ms": 3000, "tpot_ms": 100}, {}, 0.5),
    "70B chat": ("llama-3.1-70b-instruct", CHAT, {"users": 200},
                 {"ttft_ms": 1000, "tpot_ms": 50}, {}, 0.5),
    "70B chat, tight": ("llama-3.1-70b-instruct", CHAT, {"users": 200},
                        {"ttft_ms": 400, "tpot_ms": 15}, {}, 0.5),
    "70B chat, wide space": ("llama-3.1-70b-instruct", CHAT, {"requests_per_s": 15},
                             {"ttft_ms": 800, "tpot_ms": 40}, WIDE, 0.5),
    "70B retrieval": ("llama-3.1-70b-instruct", RAG, {"requests_per_s": 2},
                      {"ttft_ms": 4000, "tpot_ms": 60}, {}, 0.5),
    "70B offline": ("llama-3.1-70b-instruct", WRITE, {"offline_tokens": 1e9, "deadline_h": 24}, {},
                    {}, 0.5),
    "120B MoE chat": ("gpt-oss-120b", CHAT, {"users": 256}, {"ttft_ms": 1000, "tpot_ms": 25}, {},
                      0.5),
    "123B long context": ("mistral-large-instruct-2407", LONG, {"users": 8},
                          {"ttft_ms": 15000, "tpot_ms": 60}, {}, 0.5),
    "235B MoE chat, wide space": ("qwen3-235b-a22b", CHAT, {"users": 300},
                                  {"ttft_ms": 1500, "tpot_ms": 40}, WIDE, 0.5),
    "405B chat": ("llama-3.1-405b-instruct", CHAT, {"users": 64},
                  {"ttft_ms": 2000, "tpot_ms": 60}, {}, 0.5),
    "671B MoE chat": ("deepseek-v3", CHAT, {"users": 200}, {"ttft_ms": 2000, "tpot_ms": 50}, {},
                      0.5),
    "671B MoE chat, tight": ("deepseek-v3", CHAT, {"requests_per_s": 3},
                             {"ttft_ms": 800, "tpot_ms": 25}, {}, 0.5),
    "671B MoE long context": ("deepseek-r1", LONG, {"users": 20},
                              {"ttft_ms": 15000, "tpot_ms": 60}, {}, 0.5),
    "671B MoE offline": ("deepseek-v3", WRITE, {"offline_tokens": 5e8, "deadline_h": 24}, {}, {},
                         0.5),
    "14B chat": ("qwen3-14b", CHAT, {"users": 80}, {"ttft_ms": 700, "tpot_ms": 25}, {}, 0.5),
    "14B chat, wide space": ("qwen3-14b", CHAT, {"requests_per_s": 25},
                             {"ttft_ms": 900, "tpot_ms": 30}, WIDE, 0.5),
    "20B MoE chat, sure": ("gpt-oss-20b", CHAT, {"users": 120}, {"ttft_ms": 800, "tpot_ms": 20},
                           {}, 0.9),
    "27B chat": ("gemma-2-27b-it", (2000, 400), {"users": 77}, {"ttft_ms": 1500, "tpot_ms": 40},
                 {}, 0.5),
    "7B chat, three clouds": ("mistral-7b-instruct-v0.3", CHAT, {"requests_per_s": 55},
                              {"ttft_ms": 500, "tpot_ms": 25},
                              {"providers": ("aws", "gcp", "azure")}, 0.5),
    "72B chat, 8 devices": ("qwen2.5-72b-instruct", CHAT, {"users": 90}, {"tpot_ms": 35},
                            {"max_devices": 8}, 0.5),
    "141B MoE chat, wide space": ("mixtral-8x22b-instruct-v0.1", CHAT, {"users": 250},
                                  {"ttft_ms": 1200, "tpot_ms": 35}, WIDE, 0.5),
    "235B MoE retrieval, wide space": ("qwen3-235b-a22b", RAG, {"requests_per_s": 4},
                                       {"ttft_ms": 2500, "tpot_ms": 30}, WIDE, 0.5),
    "235B MoE writing, wide space": ("qwen3-235b-a22b", WRITE, {"tokens_per_s": 9000},
                                     {"tpot_ms": 45}, WIDE, 0.5),
    "405B chat, wide space": ("llama-3.1-405b-instruct", CHAT, {"users": 130},
                              {"ttft_ms": 3000, "tpot_ms": 70}, WIDE, 0.5),
    "671B MoE retrieval": ("deepseek-r1", RAG, {"users": 40}, {"tok_s_per_user": 30}, {}, 0.5),
    "671B MoE chat, wide space": ("deepseek-v3", CHAT, {"users": 500},
                                  {"ttft_ms": 2500, "tpot_ms": 60}, WIDE, 0.5),
}  # fmt: skip


def request(name: str) -> Request:
    """Return one of the requests."""
    model, (n_in, n_out), load, slo, more, confidence = REQUESTS[name]
    return Request(
        model=catalogue.model(model),
        workload=guide_ml.Workload(input_len=n_in, output_len=n_out), load=Load(**load),
        slo=SLO(**slo), constraints=Constraints(**more), confidence=confidence,
    )  # fmt: skip


def least(driven: Driven) -> float:
    """Cost of the best deployment found; NaN if none keeps all limits."""
    judged = judge(driven.scores)
    return float(judged.wanted[judged.kept, 0].min()) if judged.kept.any() else np.nan


@dataclass(frozen=True)
class Ran:
    """One search: how it went, the points in the order scored, and those that keep the limits."""

    facts: dict[str, Any]
    order: list[int]
    kept: dict[int, float]


def run(problem: Problem, sampler: str, n_trials: int | None, seed: int = SEED) -> Ran:
    """Search in one way, and say how it went."""
    began = time.perf_counter()
    trials = Trials(problem, sampler, seed, None, "")
    driven = drive(problem, trials, sampler, n_trials, None, seed)
    facts = {"cost": least(driven), "scored": int(driven.scores.seen.sum()),
             "seconds": time.perf_counter() - began, "proven": driven.open == 0}  # fmt: skip
    judged = judge(driven.scores)
    kept = dict(zip(judged.points[judged.kept].tolist(), judged.wanted[judged.kept, 0].tolist(),
                    strict=True))  # fmt: skip
    return Ran(facts, trials.known()[0].tolist(), kept)


def found_after(ran: Ran, optimum: float) -> float:
    """Count the points scored up to the first within 1 % of the optimum; NaN if none is."""
    good = (n for n, p in enumerate(ran.order, 1) if ran.kept.get(p, np.inf) <= CLOSE * optimum)
    return float(next(good, np.nan))


def study(name: str, samplers: tuple[str, ...], seeds: int) -> list[dict[str, Any]]:
    """Answer one request in every way."""
    asked = request(name)
    problem, _ = pose(asked)
    facts = {"request": name, "model": asked.model.model, "deployments": problem.deployments,
             "points": problem.points}  # fmt: skip
    own, every = run(problem, "auto", None), run(problem, "enumerate", None)
    optimum = every.facts["cost"]
    rows = [facts | {"sampler": "auto"} | own.facts, facts | {"sampler": "enumerate"} | every.facts]
    rows += [facts | {"sampler": s} | run(problem, s, own.facts["scored"]).facts for s in samplers]
    others = range(SEED + 1, SEED + (seeds if problem.points > BIG else 1))
    again = [own, *(run(problem, "auto", None, seed) for seed in others)]
    after = [found_after(r, optimum) for r in again]
    model, (n_in, n_out), load, slo, more, confidence = REQUESTS[name]
    found = guide_ml.search(
        model=model, workload={"input_len": n_in, "output_len": n_out}, load=load, slo=slo,
        constraints=more, confidence=confidence, seed=SEED,
    )  # fmt: skip
    rows[0] |= {"whole_search_s": found.seconds, "found_after": float(np.max(after)),
                "seeds": len(again), "seeds_within": int(np.isfinite(after).sum())}  # fmt: skip
    for row in rows:
        row["ratio"] = row["cost"] / optimum
    return rows


def summary(table: pd.DataFrame) -> str:
    """Say what was found and whether the goals were met."""
    auto = table[table["sampler"] == "auto"].set_index("request")
    every = table[table["sampler"] == "enumerate"].set_index("request")
    share = auto["scored"] / auto["points"]
    big = auto["points"] > BIG
    fits = np.isfinite(every["cost"])
    same = (auto["ratio"] <= CLOSE) | (~fits & ~np.isfinite(auto["cost"]))
    seeds, within = int(auto["seeds"][fits].sum()), int(auto["seeds_within"][fits].sum())
    margin = (auto["found_after"] / auto["scored"])[auto["proven"].eq(False) & fits].max()
    per_50k = every["seconds"].sum() / every["points"].sum() * BIG
    goals = [
        ("requests", f"{len(auto)}", ">= 20", len(auto) >= 20),
        ("within 1 % of the optimum", f"{same.sum()} of {len(auto)}", "all", same.all()),
        ("the same, every seed", f"{within} of {seeds}", "all", within == seeds),
        ("found after this share of the points scored, at worst, where not proven",
         f"{100 * margin:.0f} %", "", True),
        ("most scored of a space above 50,000 points", f"{100 * share[big].max():.2f} %", "<= 2 %",
         bool(share[big].max() <= FEW)),
        ("slowest whole search", f"{auto['whole_search_s'].max():.1f} s", "< 10 s",
         bool(auto["whole_search_s"].max() < FAST_S)),
        ("enumerating 50,000 points", f"{per_50k:.1f} s", "< 15 s", bool(per_50k < ENUMERATED_S)),
        ("proven", f"{int(auto['proven'].sum())} of {len(auto)}", "", True),
    ]  # fmt: skip
    lines = [stamp(table["set"]), "", "| what | found | goal | met |", "|---|---|---|---|"]
    lines += [f"| {a} | {b} | {c} | {'yes' if d else 'no'} |" for a, b, c, d in goals]
    lines += ["", "Ways to search, each with as many points as the search took by itself:", "",
              "| way | within 1 % | worst, times the optimum | mean points | mean seconds |",
              "|---|---|---|---|---|"]  # fmt: skip
    for way, part in table.groupby("sampler", sort=False):
        ratio = part.set_index("request")["ratio"][fits]
        worst = ratio.max() if ratio.notna().all() else np.inf
        word = f"{worst:.3f}" if np.isfinite(worst) else "found nothing"
        lines.append(f"| {way} | {int((ratio <= CLOSE).sum())} of {len(ratio)} | {word} |"
                     f" {part['scored'].mean():,.0f} | {part['seconds'].mean():.2f} |")  # fmt: skip
    lines += ["", "| request | model | deployments | points | scored | optimum | found | ratio |"
              " found after | proven | seconds |",
              "|---|---|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for name, row in auto.iterrows():
        lines.append(
            f"| {name} | {row['model'].split('/')[-1]} | {row['deployments']:,} |"
            f" {row['points']:,} | {row['scored']:,} | {every['cost'][name]:,.2f} |"
            f" {row['cost']:,.2f} | {row['ratio']:.4f} | {row['found_after']:,.0f} |"
            f" {'yes' if row['proven'] else 'no'} |"
            f" {row['whole_search_s']:.1f} |"
        )
    lines += ["", "Costs in USD/h, of offline jobs in USD. *Points* are engine configurations at"
              " a concurrency, which are what is predicted; *deployments* are points times the"
              " offers that carry them. Seconds are of whole searches, on this machine and under"
              " its load."]  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> None:
    """Answer every request and write what came out, after each of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=list(REQUESTS), help="requests to answer")
    parser.add_argument("--quick", action="store_true", help="leave out the other samplers")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds where spaces are large")
    parser.add_argument("--keep", action="store_true", help="keep what was written of others")
    given = parser.parse_args()
    table = pd.read_csv(FILE) if given.keep and FILE.exists() else pd.DataFrame()
    for name in given.only:
        found = study(name, () if given.quick else WAYS[2:], given.seeds)
        told = {r["sampler"]: (round(r["ratio"], 4), round(r["seconds"], 1)) for r in found}
        print(name, told, found[0]["scored"], found[0]["points"], found[0]["proven"], flush=True)
        told_now = {r["sampler"] for r in found}
        others = table[(table["request"] != name) | ~table["sampler"].isin(told_now)] if len(
            table) else table  # fmt: skip
        new = pd.DataFrame(found).round(4).assign(set=shipped())
        table = pd.concat([others, new], ignore_index=True)
        table = table.sort_values(["request", "sampler"], kind="stable",
                                  key=lambda c: c.map([*REQUESTS, *WAYS].index))  # fmt: skip
        table.to_csv(FILE, index=False)
        FILE.with_suffix(".md").write_text(summary(table), encoding="utf-8")
    print(summary(table))


if __name__ == "__main__":
    main()
