"""Times that llama.cpp prints after one request (llama-cli, llama-server) or answers with.

The first generated token comes out of the prompt's pass, so ``eval time`` is of one run less than
there are tokens.
"""

from __future__ import annotations

import re
from typing import Any

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.names import model_of
from guide_ml.ingest.precision import gguf_type
from guide_ml.ingest.rows import FAULT, SAID, Importer, Row, drafted, flagged, joined, stats

__all__ = ["LLAMA_TIMINGS"]

_PROMPT = re.compile(r"prompt eval time\s*=\s*([\d.]+) ms /\s*(\d+) tokens")
_ANSWER = re.compile(r"(?<!prompt )\beval time\s*=\s*([\d.]+) ms /\s*(\d+) (runs|tokens)")
_DRAFTS = re.compile(r"draft acceptance rate\s*=[^(\n]*\(\s*(\d+) accepted /\s*(\d+) generated")
_FILE = re.compile(r"(?:-m|--model)[ =]+(\S+\.gguf)")
_TYPE = re.compile(r"[._-](?:UD[._-])?(i?q\d|bf16|f16|fp16|f32|mxfp4)", re.I)
_BUILD = re.compile(r"^build: (\d{3,6}) \(", re.M)

#: Characters after an answer's time among which its drafts are told.
_NEXT_LINES = 400


def _runs(content: Content) -> list[dict[str, Any]]:
    found = [o["timings"] | {"model": o.get("model")} for o in content.objects
             if isinstance(o.get("timings"), dict) and "predicted_ms" in o["timings"]]  # fmt: skip
    if found:
        return found
    files = set(_FILE.findall(content.text))
    build = _BUILD.search(content.text)
    for prompt in _PROMPT.finditer(content.text):
        answer = _ANSWER.search(content.text, prompt.end())
        if answer is None:
            continue
        tokens = number(answer[2]) or 0.0
        after = content.text[answer.end() : answer.end() + _NEXT_LINES].split("prompt eval time")[0]
        drafts = _DRAFTS.search(after)
        found.append({
            "prompt_ms": number(prompt[1]), "prompt_n": number(prompt[2]),
            "predicted_ms": number(answer[1]), "runs": tokens,
            "predicted_n": tokens + (1 if answer[3] == "runs" else 0),
            "model": files.copy().pop() if len(files) == 1 else None, "build": build and build[1],
            "draft_n": drafts and drafts[2], "draft_n_accepted": drafts and drafts[1],
        })  # fmt: skip
    return found


def _rows(content: Content) -> list[Row]:
    return [_row(r) for r in _runs(content)]


def _row(found: dict[str, Any]) -> Row:
    inside, outside = number(found.get("prompt_n")), number(found.get("predicted_n"))
    first, rest = number(found.get("prompt_ms")), number(found.get("predicted_ms"))
    if not (inside and outside and first and rest):
        return {FAULT: "the prompt's and the answer's tokens and times must all be there"}
    steps = number(found.get("runs")) or outside
    file = re.split(r"[/\\]", str(found.get("model") or ""))[-1].removesuffix(".gguf")
    row: Row = {"mode": "static", "batch_size": 1.0, "framework": "llama.cpp",
                "framework_version": f"b{found['build']}" if found.get("build") else None,
                "input_len": inside, "output_len": outside}  # fmt: skip
    if inside == 1 and not number(found.get("cache_n")):
        row[FAULT] = "one token of the prompt was computed: the rest was cached, and is not counted"
    hits = number(found.get("cache_n")) or 0.0
    row |= {"input_len": inside + hits, "prefix_hit_rate": hits / (inside + hits) if hits else None}
    drafts, accepted = number(found.get("draft_n")), number(found.get("draft_n_accepted")) or 0.0
    bare = re.sub(r"-\d{5}-of-\d{5}$", "", file)
    return joined(
        row,
        stats("ttft", [first]),
        stats("tpot", [rest / steps]),
        model_of(_TYPE.split(bare)[0]) | {SAID: {"model": bare}} if bare else {},
        gguf_type(bare, "", None) if _TYPE.search(bare) else {},
        flagged("prefix-cached" if hits else None),
        drafted(None, outside / max(outside - accepted, 1.0)) if drafts else {},
    )


LLAMA_TIMINGS = Importer(
    "llama.cpp", "times that llama-cli and llama-server print; an answer of llama-server",
    lambda c: bool(_runs(c)), _rows, versions="fields of build 9,100",
    gives="lengths, TTFT, TPOT of one request; model and device are asked for",
)  # fmt: skip
