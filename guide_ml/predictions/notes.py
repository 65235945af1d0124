"""What an engine starts but a reader should know: slow layouts, long contexts, new versions."""

from __future__ import annotations

import re

from guide_ml import catalogue
from guide_ml.launch.checkpoints import BLOCK, cut_blocks, published
from guide_ml.launch.refusals import Device, refusal
from guide_ml.table.assume import Resolved

__all__ = ["notes"]


def notes(resolved: Resolved) -> tuple[str, ...]:
    """Say what is unusual about the only deployment of a table.

    Parameters
    ----------
    resolved : Resolved
        What is in force.

    Returns
    -------
    tuple of str
        Sentences; empty where nothing is.
    """
    c = {k: float(v[0]) for k, v in resolved.columns.items()}
    names = {k: str(v[0]) for k, v in resolved.names.items()}
    found = []
    tokens = c["depth"] + c["input_len"] + c["output_len"]
    if tokens > c["m_max_position"]:
        found.append(f"requests of {tokens:,.0f} tokens are longer than the"
                     f" {c['m_max_position']:,.0f} that {names['model']} was trained for: engines"
                     " refuse them unless told otherwise, and answers get worse")  # fmt: skip
    domain = max(c["hw_scale_up_domain"], 1.0)
    if c["tp"] > domain:
        found.append(f"tp={c['tp']:.0f} reaches beyond the {domain:.0f} that fast links join of"
                     f" {names['hardware']}: every layer waits for slower ones")  # fmt: skip
    if names["framework_version"] == "" and (gone := _gone(names)):
        found.append(f"{gone}: newer versions refuse {names['model']}")
    if names["framework"] == "tensorrt-llm" and c["depth"] + c["input_len"] > c["pass_tokens"]:
        found.append(f"TensorRT-LLM refuses prompts above {c['pass_tokens']:,.0f} tokens unless"
                     " told --enable_chunked_prefill or a higher --max_num_tokens: guide launch"
                     " writes it")  # fmt: skip
    kv = c["m_num_kv_heads"]
    if c["tp"] > kv > 0 and not c["m_mla"] and names["framework"] in ("vllm", "sglang"):
        found.append(f"each of the {kv:.0f} KV heads of {names['model']} is held by"
                     f" {c['tp'] / kv:g} devices: tp={c['tp']:.0f} saves no more cache than"
                     f" tp={kv:.0f}")  # fmt: skip
    found += _beside(c, names)
    if sliced := _sliced(c, names):
        found.append(sliced)
    if newer(names["framework"], names["framework_version"]):
        found.append(f"{names['framework']} {names['framework_version']} is newer than any version"
                     " that is known here: the newest one stands in")  # fmt: skip
    return tuple(found)


def _beside(c: dict[str, float], names: dict[str, str]) -> list[str]:
    """Say what the account leaves out, and what it counts that no time was measured with."""
    found = []
    if names["framework"] == "llama.cpp" and c["m_tower_params_b"] > 0:
        size = c["m_tower_params_b"] * 2.0
        found.append(f"the tower of {names['model']} for pictures or sound is left out: llama.cpp"
                     f" keeps it in a file of its own (--mmproj), {size:.1f} GB in 16"
                     " bits")  # fmt: skip
    if names["spec_method"] == "draft" and not c["draft_params_b"]:
        found.append("the memory of the model that drafts is left out: name it with draft_model")
    if c["loras"] > 0:
        found.append(f"{c['loras']:.0f} LoRA adapters of rank {c['lora_rank']:.0f} are in the"
                     " memory; times are those of the model without them, as none were measured"
                     " with adapters")  # fmt: skip
    return found


def _gone(names: dict[str, str]) -> str:
    """Say up to which version an engine loads a model; blank if the newest does."""
    nowhere = Device("", "")  # a rule about models asks no device
    return refusal(names["framework"], "", "family", names["family"], nowhere)


def _sliced(c: dict[str, float], names: dict[str, str]) -> str:
    """Say that vLLM takes other kernels where a layout cuts the blocks of fp8 scales."""
    if names["framework"] != "vllm" or names["weight_dtype"] != "fp8" or not c["m_num_experts"]:
        return ""
    checkpoint = published(names["model"], "fp8") or names["model"]
    parts, width = c["tp"] * c["attention_dp"] / c["ep"], c["m_moe_intermediate_size"]
    if not cut_blocks(checkpoint, width, parts):
        return ""
    return (f"the layout cuts the blocks of {BLOCK} by which {checkpoint} holds its fp8 scales"
            f" ({width:.0f} over {parts:g} devices): vLLM serves that from 0.32 on, with Triton's"
            " kernels alone, and refuses it before; ep keeps experts whole")  # fmt: skip


def newer(framework: str, version: str) -> bool:
    """Tell whether a version's number is above all that an engine's block lists.

    Examples
    --------
    >>> newer("vllm", "0.6.1"), newer("vllm", "99.0"), newer("vllm", "")
    (False, True, False)
    """
    listed = catalogue.framework_blocks()[framework].get("versions", {})
    match = re.fullmatch(r"v?(\d+(?:\.\d+)*)(?:[a-z.+-].*)?", version.strip().lower())
    if not any(v[:1].isdigit() for v in listed) or not match:
        return False
    asked = tuple(map(int, match.group(1).split(".")))
    numbered = [v for v in listed if v[:1].isdigit()]
    newest = max(tuple(map(int, re.findall(r"\d+", v))) for v in numbered)
    return asked[: len(newest)] > newest
