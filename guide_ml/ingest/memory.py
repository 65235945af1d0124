"""Memory that contradicts a row: weights that the devices cannot hold, sizes that do not fit."""

from __future__ import annotations

import re

from guide_ml import catalogue
from guide_ml.ingest.devices import devices_differ
from guide_ml.ingest.precision import dtype_of
from guide_ml.ingest.rows import BITS, PARAMETERS, SAID, UNLIKE, Row
from guide_ml.precision.dtypes import DTYPES

__all__ = ["NEAR", "misfit"]

#: Vendors whose devices a backend runs on, where it runs on few.
_BACKEND_VENDORS = {"cuda": ("nvidia",), "rocm": ("amd",), "metal": ("apple",), "hpu": ("intel",)}
_WIDTH = re.compile(
    r"(?:fp|int|nf|wint|w|i?q)(\d)(?!\d)|(?<!\d)(\d)[- ]?bit|[a-z](\d)(?=[a-z_]*$)", re.I
)
#: Bits by which a name of a format may differ from what it takes with scales.
WITH_SCALES = 1.7

#: Factor by which a stated size and what follows from names may differ.
NEAR = 1.1
#: The same for formats that keep a part of the model wider.
NEAR_WIDE = 1.6
_BYTE = 8.0


def misfit(row: Row) -> str:
    """Say what of a row's memory cannot be; blank if nothing is known to be wrong.

    The least that weights take is parameters times bits; what is wider in part takes more.

    Parameters
    ----------
    row : dict
        With names as the catalogue spells them.
    """
    if fault := _unlike(row):
        return fault
    if fault := _backend(row) or _told(row):
        return fault
    model = catalogue.all_models().get(str(row.get("model")))
    if model is None:
        return ""
    stated = row.get(PARAMETERS)
    if stated and not 1 / NEAR <= stated / model.params_total_b <= NEAR:
        return (
            f"the file's model has {stated:.4g} billion parameters, {model.model} has"
            f" {model.params_total_b:.4g}"
        )
    precision = DTYPES.get(str(row.get("weight_dtype")))
    if precision is None:
        return ""
    return _size(row, precision.name) or _devices(
        row, model.params_total_b * precision.bits / _BYTE
    )


def _unlike(row: Row) -> str:
    """Compare the device that was given with those that the file lists."""
    listed = row.get(UNLIKE)
    if not listed:
        return ""
    told = ", ".join(listed)
    if float(row.get("num_devices", 1)) != 1:
        return f"the devices are unlike ({told}): a row is of equal devices"
    given = str(row.get("hardware", ""))
    if given and all(devices_differ(name, given) for name in listed):
        return f"the file lists {told}, but {given} was given"
    return ""


def _backend(row: Row) -> str:
    """Compare the backend with the vendor: a run on the CPU is none of the GPU beside it."""
    backend, name = str(row.get("backend", "")), str(row.get("hardware", ""))
    hardware = catalogue.all_hardware().get(name)
    if hardware is None or not backend:
        return ""
    fits = _BACKEND_VENDORS.get(backend)
    alone = name.startswith("cpu-")
    shared = alone or hardware.vendor == "apple" or hardware.interconnect == "socket"
    if (
        (fits and hardware.vendor not in fits)
        or (backend == "cpu" and not shared)
        or (alone and backend not in ("cpu", ""))
    ):
        return f"the backend is {backend}, which does not run on {name}"
    return ""


def _told(row: Row) -> str:
    """Compare a precision that was given with what the file says, though it is not known."""
    said, given = str(row.get(SAID, {}).get("weight_dtype", "")), str(row.get("weight_dtype", ""))
    precision = DTYPES.get(given)
    if not said or precision is None or dtype_of(said) == given:
        return ""
    either = [dtype_of(part) for part in said.split(" / ")]
    if len(either) > 1:
        return (
            "" if given in either else f"weight_dtype is {said} in the file, but {given} was given"
        )
    digits = {float(d) for groups in _WIDTH.findall(said) for d in groups if d}
    if not digits or any(abs(precision.bits - d) <= WITH_SCALES for d in digits):
        return ""
    return f"weight_dtype is {said!r} in the file, but {given} was given"


def _size(row: Row, name: str) -> str:
    """Compare a precision that was given with the size that the file states."""
    bits, precision = row.get(BITS), DTYPES[name]
    if not bits or dtype_of(row.get(SAID, {}).get("weight_dtype")) == name:
        return ""
    most = NEAR_WIDE if precision.rest_bits else NEAR
    if 1 / NEAR <= bits / precision.bits <= most:
        return ""
    return f"the file's weights have {bits:.2f} bits each, {name} has {precision.bits:g}"


def _devices(row: Row, weights_gb: float) -> str:
    hardware = catalogue.all_hardware().get(str(row.get("hardware")))
    if "partial-offload" in str(row.get("flags", "")):
        return ""
    count = float(row.get("num_devices") or 1)
    peak = row.get("peak_mem_gb")
    if peak and peak * count < weights_gb / NEAR:
        return (
            f"the peak memory of {peak:.3g} GB a device is below the {weights_gb:.3g} GB that the"
            f" weights of {row['model']} in {row['weight_dtype']} take"
        )
    if hardware is None or hardware.hardware.startswith("cpu-") or "num_devices" not in row:
        return ""
    holders = count / _copies(row)
    room = holders * hardware.memory_gb
    if weights_gb <= room:
        return ""
    return (
        f"the weights of {row['model']} in {row['weight_dtype']} take {weights_gb:.4g} GB, but"
        f" {holders:g} of {hardware.hardware} have {room:.4g}"
    )


def _copies(row: Row) -> float:
    """Count copies of the weights: replicas that share experts, most of a model, hold one."""
    model = catalogue.all_models()[str(row["model"])]
    return 1.0 if (model.num_experts or 0) > 1 else float(row.get("dp") or 1)
