"""Measure static batches of Transformers on the GPU at hand. Needs torch and transformers alone.

``python measure.py CASES.json OUT.csv``: CASES.json holds ``{"models": {name: {"config", "dtype"}},
"cases": [{"case", "model", "batch_size", "input_len", "output_len"}]}``. Weights are random: no
time depends on their values. A case is one ``generate`` of random tokens, greedy, to the last
token; TTFT is a ``generate`` of one token, the median of three. Rows are written as they come; a
case that fails (memory, say) is written with its reason.

PyTorch may hand attention to cuDNN, which plans anew for every length of the cache that it has not
met: the first generation of its lengths then takes two to four times as long as the next. What is
wanted is the speed of a process that has run for a while. So either cuDNN's attention is off
(``--no-cudnn``), or the first whole generation counts as warm-up.
"""

from __future__ import annotations

import argparse
import csv
import gc
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
import transformers

FIELDS = ["case", "ttft_ms", "batch_latency_s", "runs_s", "peak_mem_gb", "attention", "device",
          "torch", "transformers", "error"]  # fmt: skip
SHORT_S = 1.5  # a run below this is repeated
WARM_TOKENS = 3


def build(spec: dict[str, Any], device: str) -> Any:
    """Make a model with random weights on the device."""
    fields = dict(spec["config"])
    config = transformers.AutoConfig.for_model(fields.pop("model_type"), **fields)
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}[spec["dtype"]]
    torch.set_default_dtype(dtype)
    with torch.device(device):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=dtype)
    torch.set_default_dtype(torch.float32)
    model.eval()
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    return model


def seconds(model: Any, tokens: torch.Tensor, new: int) -> float:
    """Seconds of one generation of `new` tokens."""
    wait = torch.cuda.synchronize if tokens.is_cuda else (lambda: None)
    wait()
    start = time.perf_counter()
    out = model.generate(tokens, attention_mask=torch.ones_like(tokens), do_sample=False,
                         max_new_tokens=new, min_new_tokens=new)  # fmt: skip
    wait()
    took = time.perf_counter() - start
    if out.shape[1] != tokens.shape[1] + new:
        raise RuntimeError(f"{out.shape[1] - tokens.shape[1]} tokens came, {new} were asked")
    return took


def measure(model: Any, case: dict[str, Any], device: str) -> dict[str, Any]:
    """Time one case: warm-up, TTFT, whole batch."""
    high = model.config.vocab_size
    size = (case["batch_size"], case["input_len"])
    tokens = torch.randint(1, high, size, device=device)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds(model, tokens, WARM_TOKENS)
    first = [seconds(model, tokens, 1) for _ in range(3)]
    if torch.backends.cuda.cudnn_sdp_enabled():
        seconds(model, tokens, case["output_len"])
    whole = [seconds(model, tokens, case["output_len"])]
    if whole[0] < SHORT_S:
        whole.append(seconds(model, tokens, case["output_len"]))
    peak = torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else float("nan")
    return {"ttft_ms": 1e3 * statistics.median(first), "batch_latency_s": statistics.median(whole),
            "runs_s": ";".join(f"{s:.5g}" for s in whole), "peak_mem_gb": peak}  # fmt: skip


def main() -> None:
    """Measure every case that time allows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--limit-s", type=float, default=1e9, help="begin no case after this")
    parser.add_argument("--models", nargs="*", help="only these, in this order")
    parser.add_argument("--no-cudnn", action="store_true", help="keep attention from cuDNN")
    options = parser.parse_args()
    torch.backends.cuda.enable_cudnn_sdp(not options.no_cudnn)
    plan = json.loads(options.cases.read_text("utf-8"))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    told = {"device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
            "torch": torch.__version__, "transformers": transformers.__version__,
            "attention": "sdpa, no cuDNN" if options.no_cudnn else "sdpa"}  # fmt: skip
    begin = time.perf_counter()
    with options.out.open("w", newline="") as file, torch.inference_mode():
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        for name in options.models or plan["models"]:
            spec, cases = plan["models"][name], [c for c in plan["cases"] if c["model"] == name]
            if time.perf_counter() - begin > options.limit_s:
                break
            model, problem = None, ""
            try:
                model = build(spec, device)
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"[:300]
            for case in cases:
                row: dict[str, Any] = {"case": case["case"], "error": problem} | told
                if not problem and time.perf_counter() - begin < options.limit_s:
                    try:
                        row |= measure(model, case, device)
                    except Exception as error:
                        row["error"] = f"{type(error).__name__}: {error}"[:300]
                        torch.cuda.empty_cache()
                elif not problem:
                    row["error"] = "no time left"
                writer.writerow(row)
                file.flush()
            print(f"{time.perf_counter() - begin:6.1f} s  {name}  {problem}",
                  file=sys.stderr, flush=True)  # fmt: skip
            del model
            gc.collect()
            if device == "cuda":
                torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
