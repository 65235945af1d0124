"""How tools write precisions; one that is stated but not known is asked for, never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from guide_ml.errors import GuideError, nearest
from guide_ml.ingest.rows import ASKS, SAID, Row
from guide_ml.precision.dtypes import DTYPES, KV_DTYPES, dtype

__all__ = ["dtype_of", "gguf_type", "kv_precision", "named_precision", "precision"]

_DTYPES = {
    "fp8_block_scales": "fp8", "fp8_per_channel_per_token": "fp8", "w4a16_awq": "awq-int4",
    "w4a16_gptq": "gptq-int4", "w4a8_awq": "int4-fp8", "w8a8_sq_per_channel": "int8",
    "w4a8_mxfp4_fp8": "mxfp4", "w4a16_mxfp4": "mxfp4", "w4a8_mxfp4_mxfp8": "mxfp4",
    "modelopt_fp8": "fp8", "modelopt_fp4": "nvfp4", "w8a8_fp8": "fp8", "w8a8_int8": "int8",
    "awq_marlin": "awq-int4", "gptq_marlin": "gptq-int4", "f16": "fp16", "f32": "fp32",
    "q2_k_m": "q2_k", "float8_e4m3fn": "fp8", "float8_e5m2": "fp8",
}  # fmt: skip
#: What stands where nothing is stated.
_UNSAID = {"", "none", "null", "auto", "no", "false", "default", "unquantized", "no_quant", "nan"}
#: Ends of checkpoints' names that state one precision, the more telling first.
_ENDS = {
    "nvfp4": "nvfp4", "mxfp4": "mxfp4", "awq": "awq-int4", "fp8": "fp8", "mxfp8": "mxfp8",
    "w4a16": "int4", "w8a8": "int8", "w8a16": "w8a16", "bf16": "bf16", "fp16": "fp16",
}  # fmt: skip
#: Ends that state a precision of which kinds differ.
_VAGUE = {
    "fp4",
    "gptq",
    "int4",
    "int8",
    "4bit",
    "8bit",
    "6bit",
    "5bit",
    "3bit",
    "bnb",
    "hqq",
    "exl2",
    "exl3",
    "quark",
    "w4a8",
    "wint4",
    "gguf",
    "autoround",
    "dwq",
    "nvfp4a16",
}
#: Schemes of several widths, of which a dtype's table knows the usual one.
_OPEN = ("hqq", "bitsandbytes")
#: Checkpoints whose weights are narrower than the type that the rest computes in.
_NATIVE = re.compile(r"gpt-oss|deepseek-(?:v3|r1)(?!.*distill)|kimi-k2|minimax-m2", re.I)
_GGUF = re.compile(
    r"(?:^|[._-])(i?q\d(?:_[0-9a-z]+)*|tq\d_\d|bf16|f16|fp16|f32|mxfp4)(?=[._-]|$)", re.I
)


#: The same where the name is of a model: only what is of GGUF alone.
_GGUF_WIDTH = re.compile(r"[._:-](i?q\d_[0-9a-z]+(?:_[0-9a-z]+)*)(?=[._-]|$)", re.I)


def dtype_of(*names: object) -> str | None:
    """Return the first name that is a dtype as tools spell it.

    Examples
    --------
    >>> dtype_of(None, "torch.bfloat16"), dtype_of("FP8_BLOCK_SCALES", "bfloat16"), dtype_of("auto")
    ('bf16', 'fp8', None)
    """
    for name in names:
        text = str(name or "").lower().strip().removeprefix("torch.")
        if text in _OPEN:
            continue
        try:
            return dtype(_DTYPES.get(text, text)).name
        except GuideError:
            continue
    return None


def precision(*schemes: object, plain: object = None, model: object = None) -> Row:
    """Read the precision of the weights: a stated scheme, the checkpoint's name, a plain type.

    A scheme that is stated but not known asks; so does one that the checkpoint's name contradicts.
    The plain type is that of the weights only where nothing says that they are quantised.

    Parameters
    ----------
    *schemes : object
        Quantisation as the file states it, the more telling first; blanks are passed over.
    plain : object
        Type of what is not quantised (``torch_dtype``).
    model : object
        Name of the checkpoint.

    Examples
    --------
    >>> precision(None, plain="bfloat16")["weight_dtype"]
    'bf16'
    >>> "weight_dtype" in precision("fbgemm_fp8", plain="bfloat16")
    False
    """
    stated = next((t for t in map(_text, schemes) if t.lower() not in _UNSAID), "")
    named, end = named_precision(model)
    if stated:
        known = dtype_of(stated)
        if known is None:
            return _ask(
                stated,
                f"the file's quantisation {stated!r} is none that is known"
                f" (nearest: {', '.join(nearest(stated, DTYPES, 3)) or 'none'})",
            )
        if named and named != known and dtype(named).bits < 16:
            return _ask(f"{stated} / {end}", f"the file states {stated}, the name of its model"
                                             f" {end}; which is it?")  # fmt: skip
        return {"weight_dtype": known, SAID: {"weight_dtype": stated}}
    if named:
        return {"weight_dtype": named, SAID: {"weight_dtype": end}}
    if end:
        return _ask(end, f"the model's name says {end!r}, which several precisions are called")
    if _text(plain).lower() in _UNSAID:
        return {}
    if _NATIVE.search(str(model or "")):
        return _ask(_text(plain), f"the file says {_text(plain)}, but checkpoints of this model are"
                                  " published quantised")  # fmt: skip
    found = dtype_of(plain)
    if found is None:
        return _ask(_text(plain), f"the file's type {_text(plain)!r} is none that is known")
    return {"weight_dtype": found, SAID: {"weight_dtype": _text(plain)}}


def _ask(said: str, why: str) -> Row:
    return {ASKS: {"weight_dtype": why}, SAID: {"weight_dtype": said}}


def _text(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return ""
    return str(value).strip().removeprefix("torch.")


def named_precision(model: object) -> tuple[str | None, str]:
    """Return the precision that a checkpoint's name states, and the words that do.

    Examples
    --------
    >>> named_precision("nvidia/Llama-3.1-8B-Instruct-NVFP4"), named_precision("gpt-oss-20b")
    (('nvfp4', 'NVFP4'), (None, ''))
    """
    name = re.split(r"[/\\]", str(model or ""))[-1]
    words = [w for w in re.split(r"[-_.]", name) if w]
    low = [w.lower() for w in words]
    if "int4" in low and "autoround" in low:
        return "int4", "int4-AutoRound"
    if "gptq" in low and "int8" not in low and "8bit" not in low:
        return "gptq-int4", "GPTQ"
    for end, found in _ENDS.items():
        if end in low:
            return found, words[low.index(end)]
    if types := _GGUF_WIDTH.findall(name):
        return dtype_of(types[-1]), types[-1]
    vague = [w for w, key in zip(words, low, strict=True) if key in _VAGUE]
    return None, "-".join(vague)


def kv_precision(*names: object) -> Row:
    """Read the precision of the KV cache; blank where the file leaves it to the engine.

    Parameters
    ----------
    *names : object
        Of the keys and of the values, if both are stated.
    """
    stated = [n for n in map(_text, names) if n.lower() not in _UNSAID]
    if not stated:
        return {}
    found = dtype_of(stated[0])
    if len({n.lower() for n in stated}) > 1 or found not in KV_DTYPES:
        said = " and ".join(dict.fromkeys(stated))
        why = f"the file's KV cache is in {said}; known are {', '.join(KV_DTYPES)}"
        return {ASKS: {"kv_dtype": why}, SAID: {"kv_dtype": said}}
    return {"kv_dtype": found}


def gguf_type(file: str, kind: str, bits: float | None) -> Row:
    """Read a GGUF file's type from its name or llama.cpp's, checked against bits a weight.

    Parameters
    ----------
    file : str
        File name; blank if it is not known.
    kind : str
        llama.cpp's ``model_type``: the type stands at its end.
    bits : float, optional
        Size in bits over parameters, as the file states them.
    """
    inside = [m[1] for m in _GGUF.finditer(file)]
    spelt = inside[-1:] or [_kind(kind)]
    if "MXFP4" in kind.upper():  # such files are named by what the rest is in
        spelt = ["mxfp4-f16" if dtype_of(*inside) in ("fp16", "bf16") else "mxfp4"]
    said = spelt[0] or kind
    known = dtype_of(*spelt)
    if known is None:
        about = f", {bits:.2f} bits a weight" if bits else ""
        return _ask(
            said,
            f"the GGUF type {said!r}{about} is none that is known (nearest:"
            f" {', '.join(_by_bits(bits) if bits else nearest(said, DTYPES, 3))})",
        )
    if bits and not 1 / 1.1 <= bits / dtype(known).bits <= 1.1:
        return _ask(said, f"the file says {said}, {dtype(known).bits:g} bits a weight, but its size"
                          f" over its parameters is {bits:.2f}")  # fmt: skip
    return {"weight_dtype": known, SAID: {"weight_dtype": said}}


def _kind(kind: str) -> str:
    found = re.search(
        r"(\S+?)(?: - (Small|Medium|Large))?(?: - [\d.]+ bpw(?: ternary)?)?(?: MoE)?$", kind.strip()
    )
    if found is None:
        return ""
    return found[1] + (f"_{found[2][0]}" if found[2] else "")


def _by_bits(bits: float) -> Iterable[str]:
    gguf = [d for d in DTYPES.values() if d.family == "gguf" and not d.rest_bits]
    return [d.name for d in sorted(gguf, key=lambda d: abs(d.bits - bits))[:3]]
