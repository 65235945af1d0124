"""The knobs of the calibrated physics: start values, slopes and groups, each in one line.

Values are logarithms; start values are common experience: 70 % of bandwidth, half of the peak
arithmetic, 30 us of launches a layer, 10 us an all-reduce, six vector operations to unpack a
small weight, 20 us of the host for each sequence of a step, 5 ms of it for a prompt of 1,024
tokens and a tenth of that for each other user's, 2.2 tokens of three that a speculative step
checks. ``growth`` is the power of a pass's tokens with which its launches take longer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["CONSTANT_SD", "KNOBS", "SLOPE_SD", "Knob"]

CONSTANT_SD, SLOPE_SD = 1.0, 0.3
"""Prior standard deviations of constants and slopes (of logarithms)."""


@dataclass(frozen=True)
class Knob:
    """One efficiency or overhead.

    Parameters
    ----------
    name : str
        What it is.
    start : float
        Logarithm before any measurement.
    slopes : tuple of str
        Numeric drivers of :mod:`guide_ml.physics.drivers`.
    groups : tuple of (str, float)
        Named corrections and their prior standard deviation: how far a name may move it.
    """

    name: str
    start: float
    slopes: tuple[str, ...] = ()
    groups: tuple[tuple[str, float], ...] = ()


_BIAS_SLOPES = ("is_closed", "is_offline", "tp", "pp")
_BIAS_GROUPS = (
    ("engine", 0.3), ("engine_dtype", 0.2), ("engine_mode", 0.2), ("series", 0.2),
    ("laboratory", 0.2),
)  # fmt: skip
#: How an engine multiplies for prompts differs more from device to device and from one precision to
#: the next than how it reads: the knobs of prefills may be moved further by a name.
_WIDE_BIAS_GROUPS = (
    ("engine", 0.55), ("engine_dtype", 0.35), ("engine_mode", 0.35), ("series", 0.35),
    ("laboratory", 0.35),
)  # fmt: skip

KNOBS = (
    Knob("launch", math.log(3e-5),
         ("release", "unstated", "cdna", "mla", "width", "hw_age", "is_static", "is_closed",
          "padded", "cpu_cores"),
         (("framework", 1.0), ("backend", 1.0), ("engine", 0.5), ("model", 0.2), ("series", 0.5),
          ("laboratory", 0.3))),
    Knob("prefill_launch", math.log(3e-5),
         ("release", "unstated", "amd", "hw_age", "is_static", "is_closed", "padded",
          "prompt", "cpu_cores"),
         (("framework", 1.8), ("backend", 1.8), ("model", 0.35), ("series", 0.9),
          ("laboratory", 0.55))),
    Knob("growth", math.log(0.13)),
    Knob("moe_launch", 0.0, ("experts_per_token", "ep", "release"),
         (("framework", 0.5), ("model", 0.3), ("series", 0.3), ("dtype", 0.3))),
    Knob("step", math.log(8e-4), ("release", "cdna", "is_closed", "is_static", "padded", "cpu"),
         (("framework", 1.0), ("series", 0.5), ("laboratory", 0.3))),
    Knob("sequence", math.log(2e-5), ("release", "cdna", "is_closed", "is_static", "is_offline"),
         (("framework", 1.0), ("series", 0.5))),
    Knob("request", math.log(5e-3), ("release", "is_closed", "is_static", "is_prefill"),
         (("framework", 1.0), ("series", 0.5), ("laboratory", 0.5))),
    Knob("bandwidth", math.log(0.7),
         ("width", "hw_age", "cdna", "slice", "is_decode", "pp", "cpu", "cpu_reach", "sockets"),
         (("architecture", 0.3), ("dtype", 0.3), ("framework", 0.3), ("dtype_architecture", 0.2),
          ("device", 0.1), ("model", 0.1), ("series", 0.1), ("isa", 0.2),
          ("backend", 0.2))),
    Knob("moe_bandwidth", math.log(0.6),
         # Of few mixtures of experts, a slope on their shape would say what one of them is.
         ("release", "ep"),
         (("dtype", 0.3), ("framework", 0.3), ("model", 0.2), ("series", 0.2))),
    Knob("kv_bandwidth", math.log(0.6), ("hw_age", "cdna", "mla", "wide_kv", "padded", "kv_heads"),
         (("framework", 0.3), ("architecture", 0.3), ("series", 0.2))),
    Knob("arithmetic", math.log(0.5),
         ("width", "hw_age", "power", "amd", "slice", "release", "unstated", "pp",
          "expert_width", "cpu", "cpu_share", "cpu_matrix", "sockets"),
         (("architecture", 0.75), ("isa", 0.75), ("isa_dtype", 0.75), ("dtype", 0.75),
          ("framework", 0.75), ("dtype_architecture", 0.55),
          ("engine", 0.55), ("device", 0.27), ("model", 0.35), ("series", 0.35))),
    Knob("attention", math.log(0.35), ("hw_age", "amd", "mla", "release", "padded", "cpu"),
         (("framework", 0.75), ("backend", 0.75), ("model", 0.35), ("series", 0.55))),
    Knob("saturation", math.log(100.0), ("hw_age", "expert_width"),
         (("dtype", 0.9), ("framework", 0.9))),
    Knob("gemv", math.log(0.5), ("hw_age", "cpu"),
         (("dtype", 0.9), ("framework", 0.9), ("architecture", 0.55))),
    Knob("unpack", math.log(6.0), ("release",),
         (("framework", 0.5), ("architecture", 0.3), ("dtype", 0.5))),
    Knob("rescale", math.log(0.6), ("release", "power"),
         (("framework", 0.9), ("architecture", 0.55), ("dtype", 0.9))),
    Knob("link", math.log(0.5), ("tp", "nvlink"), (("framework", 0.3), ("device", 0.2))),
    Knob("hop", math.log(1e-5), ("tp", "nvlink", "release", "cdna", "far"),
         (("framework", 0.5), ("architecture", 0.3), ("series", 0.5))),
    Knob("interference", 0.0, ("release", "is_offline", "cdna", "padded", "users", "speed",
                              "cpu"),
         (("framework", 0.5), ("series", 0.3), ("laboratory", 0.3))),
    Knob("burst", 0.0, ("median", "p99", "padded", "adp", "cpu"),
         (("framework", 0.5), ("series", 0.3), ("laboratory", 0.5))),
    Knob("queue", 0.0, ("median", "p99", "padded"), (("framework", 0.3), ("laboratory", 0.3))),
    Knob("host", math.log(5e-3), ("release", "median", "p99", "padded", "hw_year"),
         (("framework", 1.0), ("series", 0.5), ("laboratory", 0.5))),
    Knob("crowd", math.log(0.1), ("release", "median", "p99", "long_output"),
         (("framework", 1.0), ("series", 0.5), ("laboratory", 0.5))),
    Knob("accepted", math.log(2.2), ("drafted",),
         (("spec", 0.3), ("framework", 0.1), ("model", 0.1))),
    Knob("draft", math.log(0.06), (), (("spec", 0.7), ("framework", 0.3))),
    Knob("host_bandwidth", math.log(0.6), ("moe",),
         (("framework", 0.4), ("device", 0.3), ("dtype", 0.2))),
    Knob("host_arithmetic", math.log(0.3), ("moe",), (("framework", 0.4),)),
    Knob("host_link", math.log(0.6), ("moe",), (("framework", 0.4), ("device", 0.3))),
    Knob("ttft_statistic", 0.0, ("median", "p99", "is_closed"), ()),
    Knob("prefill_bias", 0.0,
         (*_BIAS_SLOPES, "moe_prefill", "moe_closed", "piped", "piped_far", "ep",
          "unstated_prompt", "adp"), _WIDE_BIAS_GROUPS),
    Knob("step_bias", 0.0, (*_BIAS_SLOPES, "moe", "far"), _BIAS_GROUPS),
)  # fmt: skip
