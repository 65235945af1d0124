"""One request to a local engine: ``ollama run --verbose``, LM Studio, KTransformers, ``mlx_lm``.

Each is a batch of one (mlx_lm.benchmark: of several). Ollama and LM Studio may hold a prompt's
beginning from a request before; a prompt that was computed faster than the device can is rejected
by the check of the hardware's floors. KTransformers keeps experts on the CPU: its rows are flagged.
"""

from __future__ import annotations

import re
from typing import Any

from guide_ml.ingest.content import Content, number, pick
from guide_ml.ingest.names import engine_of, model_of
from guide_ml.ingest.precision import gguf_type, precision
from guide_ml.ingest.rows import FAULT, SAID, Importer, Row, asking, flagged, joined, stats
from guide_ml.units import MS_PER_S

__all__ = ["KTRANSFORMERS", "LM_STUDIO", "MLX_LM", "OLLAMA"]

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9}
_PER_NS = 1e-9
#: How far parts may exceed the whole that they make up.
ROUNDED = 1.02
_OLLAMA = re.compile(
    r"^[^\w\n]*((?:total|load|prompt eval|eval) duration|(?:prompt )?eval count):[ \t]*(\S+)", re.M
)
_MODEL = re.compile(r"(?:ollama run(?: --\S+)*|--model(?:_path)?[ =])\s*[\"']?([^\s\"']+)")


def _once(inside: float | None, outside: float | None, first_s: float | None, rest_s: float | None,
          whole_s: float | None = None, size: float = 1.0) -> Row:  # fmt: skip
    """Lay out a batch: prompt and answer a sequence, seconds to the first token and of the rest."""
    if not (inside and outside and first_s and rest_s):
        return {FAULT: "the prompt's and the answer's tokens and times must all be there"}
    row: Row = {"mode": "static", "batch_size": size, "input_len": inside, "output_len": outside}
    row |= stats("ttft", [MS_PER_S * first_s]) | stats("tpot", [MS_PER_S * rest_s / outside])
    if whole_s and first_s + rest_s > ROUNDED * whole_s:
        row[FAULT] = (
            f"prompt and answer took {first_s + rest_s:.4g} s, more than the {whole_s:.4g} s of the"
            " whole request: which is right cannot be told"
        )
    return row


def _durations(text: str) -> float | None:
    """Read Go's durations: ``7.9s``, ``27.3ms``, ``1m3.5s``."""
    parts = re.findall(r"([\d.]+)(h|ms|m|s|µs|us|ns)", text)
    return sum(float(n) * _UNITS[u] for n, u in parts) if parts else None


def _ollama_runs(content: Content) -> list[dict[str, Any]]:
    found = [
        o
        for o in content.objects
        if {"eval_count", "eval_duration", "prompt_eval_duration"} <= o.keys()
    ]
    runs = [
        {
            "model": o.get("model"),
            "eval_count": number(o["eval_count"]),
            "prompt_eval_count": number(o.get("prompt_eval_count")),
            **{
                k: (number(o.get(k)) or 0) * _PER_NS or None
                for k in ("eval_duration", "prompt_eval_duration", "total_duration")
            },
        }
        for o in found
    ]
    names = _MODEL.findall(content.text)
    name = names[0] if len(set(names)) == 1 else None
    for key, value in _OLLAMA.findall(content.text) if not found else ():
        column = key.replace(" ", "_")
        if not runs or column == "total_duration" or column in runs[-1]:
            runs.append({"model": name})
        figure = _durations(value) if key.endswith("duration") else number(value)
        runs[-1][column] = figure
    for run in runs if not found else ():
        run["alone"] = "load_duration" not in run and "total_duration" not in run
    return [r for r in runs if r.get("eval_count") and r.get("eval_duration")]


def _ollama(content: Content) -> list[Row]:
    other = "ktransformers" in content.text.lower()
    return [joined(_once(r.get("prompt_eval_count"), r["eval_count"], r.get("prompt_eval_duration"),
                         r["eval_duration"], r.get("total_duration")),
                   _engine(bool(r.get("alone")), other), model_of(r.get("model")),
                   precision(model=r.get("model")))
            for r in _ollama_runs(content)]  # fmt: skip


def _engine(alone: bool, other: bool) -> Row:
    """Name the engine: KTransformers prints the same lines, but neither total nor load."""
    if not alone:
        return engine_of("ollama")
    if other:
        return {"source": "ktransformers", **engine_of("ktransformers"),
                **flagged("partial-offload")}  # fmt: skip
    return asking("framework", "these lines are printed by ollama and by KTransformers: which was"
                               " it?")  # fmt: skip


_SERVED = re.compile(
    r"Performance\(T/s\): prefill ([\d.]+), decode ([\d.]+)\. Time\(s\): tokenize [\d.]+,"
    r" prefill ([\d.]+), decode ([\d.]+)"
)


def _ktransformers(content: Content) -> list[Row]:
    """Read the lines of KTransformers' server: tokens are rates times seconds."""
    names = set(_MODEL.findall(content.text))
    name = next(iter(names)) if len(names) == 1 else None
    return [
        joined(
            _once(round(read * first), round(wrote * rest), first, rest),
            engine_of("ktransformers"), flagged("partial-offload"), model_of(name),
            precision(model=name),
        )
        for read, wrote, first, rest in (map(float, found) for found in
                                         _SERVED.findall(content.text))
    ]  # fmt: skip


_LMS = re.compile(
    r"^[^\w\n]*(Tokens/Second|Time to First Token|Prompt Tokens|Predicted Tokens"
    r"|Accepted Draft Tokens):\s*([\d.,]+)",
    re.M,
)


def _lm_studio_runs(content: Content) -> list[dict[str, Any]]:
    runs = [
        o
        for o in content.objects
        if isinstance(o.get("stats"), dict) and "tokens_per_second" in o["stats"]
    ]
    if runs or "Prediction Stats" not in content.text:
        return runs
    for part in content.text.split("Prediction Stats")[1:]:
        cells = {k: number(v) for k, v in _LMS.findall(part)}
        runs.append(
            {
                "usage": {
                    "prompt_tokens": cells.get("Prompt Tokens"),
                    "completion_tokens": cells.get("Predicted Tokens"),
                },
                "stats": {
                    "tokens_per_second": cells.get("Tokens/Second"),
                    "time_to_first_token": cells.get("Time to First Token"),
                    "accepted_draft_tokens_count": cells.get("Accepted Draft Tokens"),
                },
            }
        )
    return runs


def _lm_studio(content: Content) -> list[Row]:
    return [_lm_run(r) for r in _lm_studio_runs(content)]


def _lm_run(found: dict[str, Any]) -> Row:
    told, usage = found["stats"], found.get("usage") or {}
    speed = number(told.get("tokens_per_second"))
    inside = number(usage.get("prompt_tokens")) or number(told.get("input_tokens"))
    outside = number(usage.get("completion_tokens")) or number(told.get("total_output_tokens"))
    first = number(told.get("time_to_first_token")) or number(
        told.get("time_to_first_token_seconds")
    )
    quant = str(pick(found, "model_info", "quant") or "")
    name = found.get("model") or found.get("model_instance_id")
    return joined(
        _once(inside, outside, first, outside / speed if outside and speed else None),
        engine_of("lm-studio"),
        model_of(name),
        gguf_type("", quant, None)
        if pick(found, "model_info", "format") == "gguf" and quant
        else {},
        _drafts(told),
    )


def _drafts(told: dict[str, Any]) -> Row:
    """Ask how tokens were drafted, where they were."""
    accepted = number(told.get("accepted_draft_tokens_count"))
    if not accepted:
        return {}
    return asking("spec_method", f"{accepted:g} drafted tokens were accepted, but the file does not"
                                 " say how they were drafted")  # fmt: skip


_TIMING = re.compile(r"Timing with prompt_tokens=(\d+), generation_tokens=(\d+), batch_size=(\d+)")
_AVERAGES = re.compile(
    r"^[^\w\n]*Averages: prompt_tps=([\d.]+), generation_tps=([\d.]+), peak_memory=([\d.]+)", re.M
)
_GENERATED = re.compile(
    r"^Prompt: (\d+) tokens, ([\d.]+) tokens-per-sec\s*^Generation: (\d+) tokens, ([\d.]+)"
    r" tokens-per-sec\s*^Peak memory: ([\d.]+) GB", re.M
)  # fmt: skip


def _mlx_runs(content: Content) -> list[tuple[float, ...]]:
    """Prompt, its speed, answer, its speed, memory, batch."""
    found: list[tuple[float, ...]] = []
    for timing in _TIMING.finditer(content.text):
        if averages := _AVERAGES.search(content.text, timing.end()):
            prompt, answer, size = map(float, timing.groups())
            found.append(
                (prompt, float(averages[1]), answer, float(averages[2]), float(averages[3]), size)
            )
    for run in _GENERATED.findall(content.text):
        found.append((*map(float, run), 1.0))
    return found


def _mlx(content: Content) -> list[Row]:
    names = set(_MODEL.findall(content.text))
    name = next(iter(names)) if len(names) == 1 else None
    return [joined(_mlx_run(*r), engine_of("mlx-lm"), model_of(name), precision(model=name),
                   {SAID: {"framework": "mlx_lm"}}) for r in _mlx_runs(content)]  # fmt: skip


def _mlx_run(
    prompt: float, read: float, answer: float, wrote: float, peak: float, size: float
) -> Row:
    """Speeds are of the whole batch."""
    first = size * prompt / read if read else None
    rest = size * answer / wrote if wrote else None
    return _once(prompt, answer, first, rest, None, size) | {"peak_mem_gb": peak or None}


OLLAMA = Importer(
    "ollama",
    "ollama run --verbose: text; an answer of its API: JSON",
    lambda c: bool(_ollama_runs(c)),
    _ollama,
    versions="fields of 0.13",
    gives="lengths, TTFT, TPOT of one request; the rest is asked for",
)
KTRANSFORMERS = Importer(
    "ktransformers", "lines of KTransformers' server log; what its local_chat prints: text",
    lambda c: bool(_SERVED.search(c.text)), _ktransformers, versions="fields of 0.2 to 0.4",
    gives="lengths, TTFT, TPOT of one request; model and device are asked for",
)  # fmt: skip
LM_STUDIO = Importer(
    "lm-studio", "LM Studio: lms --stats, an answer of its API", lambda c: bool(_lm_studio_runs(c)),
    _lm_studio, versions="fields of 0.3.6", gives="lengths, TTFT, TPOT of one request; GGUF type",
)  # fmt: skip
MLX_LM = Importer(
    "mlx-lm",
    "mlx_lm.generate, mlx_lm.benchmark: text",
    lambda c: bool(_mlx_runs(c)),
    _mlx,
    versions="fields of 0.32.2",
    gives="batch, lengths, TTFT, TPOT, peak memory; model and device are asked for",
)
