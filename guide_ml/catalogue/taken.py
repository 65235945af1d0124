"""A device that stands in for a name which others share, and how that is said.

The words ride on the device's ``source``, so that they come along wherever the device goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from guide_ml.catalogue.device_words import device_name
from guide_ml.describe.hardware import Hardware

__all__ = ["taken", "taken_for"]

_MARK = "; taken for "


def taken(device: Hardware, name: str, others: Sequence[str]) -> Hardware:
    """Note on a device that its name leaves something open; else return it as it is.

    Parameters
    ----------
    device : Hardware
        The device of the catalogue.
    name : str
        What it was called.
    others : sequence of str
        What the name may mean too.
    """
    words = [f"it may also be {' or '.join(others)}"] if others else []
    size = device_name(name).memory_gb
    if size and device.memory_kind == "shared" and size < 0.97 * device.memory_gb:
        words.append(f"its memory is counted as {device.memory_gb:g} GB, the most that it has")
    if not words:
        return device
    said = f"{_MARK}{name.strip()[:60]!r}: {'; '.join(words)}"
    return replace(device, source=device.source + said)


def taken_for(device: Hardware) -> str:
    """Tell what was assumed when a device was named; blank where the name said all.

    Examples
    --------
    >>> from guide_ml.catalogue import hardware
    >>> taken_for(hardware("RTX 4090")), taken_for(hardware("RTX 4060 Ti"))  # doctest: +ELLIPSIS
    ('', "nvidia-rtx-4060-ti-8gb, for 'RTX 4060 Ti': it may also be nvidia-rtx-4060-ti-16gb")
    """
    _, mark, words = device.source.partition(_MARK)
    return f"{device.hardware}, for {words}" if mark else ""
