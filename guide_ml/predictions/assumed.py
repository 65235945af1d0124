"""What was taken for granted for a deployment, in words.

The rules themselves are in :mod:`guide_ml.table.assume`; this tells what they came to for one row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from guide_ml.catalogue import BY_NAME
from guide_ml.catalogue.taken import taken_for
from guide_ml.describe.descriptors import MODES, Hardware, Model
from guide_ml.table.assume import REQUESTS_PER_SLOT, Resolved
from guide_ml.table.read import Raw

__all__ = ["assumptions", "kv_dtype", "spec_method"]


@dataclass(frozen=True)
class _Row:
    """The first row of a table, before and after the blanks were filled."""

    raw: Raw
    resolved: Resolved

    def blank(self, name: str) -> bool:
        """Whether the cell was not given."""
        if name in self.raw.codes:
            return bool(self.raw.codes[name].index[0] < 0)
        return bool(np.isnan(self.raw.numbers[name][0]))

    def number(self, name: str) -> float:
        """Return the number in force."""
        return float(self.resolved.columns[name][0])

    def name(self, name: str) -> str:
        """Return the name in force."""
        return str(self.resolved.names[name][0])

    @property
    def mode(self) -> str:
        """Return the mode in force."""
        return MODES[int(self.number("mode"))]

    @property
    def hardware(self) -> Hardware:
        """Return the device."""
        found: Hardware = self.raw.codes["hardware"].objects()[0]
        return found

    @property
    def model(self) -> Model:
        """Return the model."""
        found: Model = self.raw.codes["model"].objects()[0]
        return found


def assumptions(raw: Raw, resolved: Resolved) -> dict[str, str]:
    """Tell what was assumed for the only row of a table.

    Parameters
    ----------
    raw : Raw
        What was given.
    resolved : Resolved
        What is in force.

    Returns
    -------
    dict of str to str
        By descriptor; those that were given, or that can be nothing else, are left out.
    """
    row = _Row(raw, resolved)
    found = {name: tell(row) for name, tell in _TELLERS.items()}
    return {name: text for name, text in found.items() if text}


def kv_dtype(raw: Raw, resolved: Resolved) -> str:
    """Name the KV cache's dtype in force in the only row of a table."""
    if raw.codes["kv_dtype"].index[0] >= 0:
        return str(raw.codes["kv_dtype"].objects()[0].name)
    return "fp8" if resolved.columns["kv_bits"][0] <= 8 else "fp16"


def spec_method(raw: Raw) -> str:
    """Name the speculative decoding in force in the only row of a table."""
    codes = raw.codes["spec_method"]
    return str(codes.objects()[0]) if codes.index[0] >= 0 else "none"


def _counted(row: _Row) -> str:
    """Tell of a model that was counted like another one: its type or its name is not known."""
    told = row.model.source
    if told.startswith(BY_NAME):
        return f"{row.model.model}: {told}"
    return told.removeprefix("config.json of ") if "unknown type" in told else ""


def _framework(row: _Row) -> str:
    return f"{row.name('framework')}, as no framework was given" if row.blank("framework") else ""


def _version(row: _Row) -> str:
    if row.number("fw_version_known"):
        return ""
    year = row.number("fw_release_year")
    newest = f"the newest measured one, of {int(year)}-{round(year % 1 * 12) + 1:02d}"
    if row.blank("framework_version"):
        return newest
    return f"{newest}, as {row.name('framework_version')!r} has no known date"


def _backend(row: _Row) -> str:
    if not row.blank("backend"):
        return ""
    return f"{row.name('backend')}, what {row.name('framework')} uses on {row.hardware.hardware}"


def _num_devices(row: _Row) -> str:
    return f"{row.number('devices'):.0f}, as tp * pp * dp say" if row.blank("num_devices") else ""


def _tp(row: _Row) -> str:
    tp = row.number("tp")
    if not row.blank("tp"):
        grouped = tp != row.raw.numbers["tp"][0]
        return f"{tp:.0f}, as ep splits one tensor-parallel group" if grouped else ""
    if row.number("devices") == 1:
        return ""
    return f"{tp:.0f}: so many devices share each layer" if tp > 1 else "1: no layer is split"


def _pp(row: _Row) -> str:
    pp = row.number("pp")
    spread = row.blank("pp") and pp > 1
    return f"{pp:.0f}: the layers are dealt out over so many devices" if spread else ""


def _dp(row: _Row) -> str:
    dp = row.number("dp")
    # What `dp` states of a mixture of experts is replicas that share them; copies are more than it.
    if not row.blank("dp") or dp <= 1 or row.model.num_experts:
        return ""
    return f"{dp:.0f}: so many copies share the load"


def _copies(row: _Row) -> str:
    dp = row.number("dp") / row.number("attention_dp")
    spread = row.blank("dp") and dp > 1 and row.model.num_experts > 0
    return f"{dp:.0f}: so many whole models, each with all of its experts, share the load" if (
        spread) else ""


def _ep(row: _Row) -> str:
    spread = row.model.num_experts > 0 and row.number("devices") > 1
    return "1: experts are split like the other layers" if row.blank("ep") and spread else ""


def _weight_dtype(row: _Row) -> str:
    if not row.blank("weight_dtype"):
        return ""
    name = row.name("weight_dtype")
    published = row.model.native_dtype == name
    return f"{name}, " + ("as the weights were published" if published else
                          f"what {row.name('framework')} usually serves")  # fmt: skip


def _kv_dtype(row: _Row) -> str:
    if not row.blank("kv_dtype"):
        return ""
    name = kv_dtype(row.raw, row.resolved)
    return f"{name}, " + ("as with such weights" if name == "fp8" else "16 bits an element")


def _mode(row: _Row) -> str:
    if not row.blank("mode"):
        return ""
    load = "concurrency" if row.mode == "closed" else "batch_size"
    return f"{row.mode}, as {load} was given"


def _batch_size(row: _Row) -> str:
    if not row.blank("batch_size") or row.mode == "closed":
        return ""
    return "as many requests as fit" if row.mode == "offline" else "1"


def _num_requests(row: _Row) -> str:
    if not row.blank("num_requests"):
        return ""
    return {"closed": f"about {REQUESTS_PER_SLOT:g} for each concurrent one",
            "offline": "a queue without end"}.get(row.mode, "")  # fmt: skip


def _context_depth(row: _Row) -> str:
    if not row.blank("context_depth") or row.mode not in ("prefill", "decode"):
        return ""
    depth = row.number("depth")
    return f"{depth:g} tokens, as input_len says" if depth else "0: nothing is cached before"


def _host(row: _Row) -> str:
    """Tell of a host that nobody described, where it has work to do."""
    stated = not row.blank("host") or not row.blank("host_bandwidth_gbs")
    if stated or not row.number("host_experts"):
        return ""
    return f"a desktop machine of {row.number('host_gbs'):g} GB/s"


def _max_num_seqs(row: _Row) -> str:
    limit = row.number("max_seqs")
    asked = np.inf if row.mode == "offline" else row.number("batch") / row.number("dp")
    known = row.blank("max_num_seqs") and asked > limit  # else it is never met
    return f"{limit:.0f}, what {row.name('framework')} runs together by itself" if known else ""


def _max_num_batched_tokens(row: _Row) -> str:
    limit = row.number("pass_tokens")
    asked = row.number("input_len") * row.number("batch") / row.number("dp")
    met = row.mode != "decode" and (row.mode == "offline" or asked > limit)
    known = row.blank("max_num_batched_tokens") and met and np.isfinite(limit)
    return f"{limit:.0f}, what {row.name('framework')} puts into one pass" if known else ""


def _stat(name: str) -> Callable[[_Row], str]:
    return lambda row: "mean" if row.blank(name) and row.mode == "closed" else ""


_TELLERS: dict[str, Callable[[_Row], str]] = {
    "hardware": lambda row: taken_for(row.hardware), "model": _counted,
    "framework": _framework, "framework_version": _version, "backend": _backend,
    "num_devices": _num_devices, "tp": _tp, "pp": _pp, "dp": _dp, "copies": _copies,
    "ep": _ep,
    "weight_dtype": _weight_dtype, "kv_dtype": _kv_dtype,
    "spec_method": lambda row: "none" if row.blank("spec_method") else "",
    "mode": _mode, "batch_size": _batch_size, "num_requests": _num_requests,
    "context_depth": _context_depth, "ttft_stat": _stat("ttft_stat"),
    "tpot_stat": _stat("tpot_stat"), "host": _host, "max_num_seqs": _max_num_seqs,
    "max_num_batched_tokens": _max_num_batched_tokens,
}  # fmt: skip
