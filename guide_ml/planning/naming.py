"""Names, money and times as people say them."""

from __future__ import annotations

from guide_ml.units import MS_PER_S

__all__ = ["device_words", "gpus", "money", "plural", "seconds"]

_MAKERS = {"nvidia": "NVIDIA", "amd": "AMD", "intel": "Intel", "apple": "Apple", "aws": "AWS",
           "google": "Google", "huawei": "Huawei", "qualcomm": "Qualcomm"}  # fmt: skip
_WORDS = {"pro": "PRO", "server": "Server", "workstation": "Workstation", "ada": "Ada",
          "super": "Super", "ti": "Ti", "max": "Max", "ultra": "Ultra", "quadro": "Quadro",
          "radeon": "Radeon", "arc": "Arc", "core": "Core", "xeon": "Xeon", "epyc": "EPYC",
          "gaudi1": "Gaudi 1", "gaudi2": "Gaudi 2", "gaudi3": "Gaudi 3", "strix": "Strix",
          "halo": "Halo", "plus": "Plus", "pcie": "PCIe"}  # fmt: skip
S_PER_MIN = 60.0


def device_words(slug: str) -> str:
    """Write a device's slug as people write its name.

    Examples
    --------
    >>> device_words("nvidia-h100-sxm-80gb"), device_words("nvidia-rtx-4090-24gb")
    ('NVIDIA H100 SXM (80 GB)', 'NVIDIA RTX 4090 (24 GB)')
    """
    maker, *parts = slug.split("-")
    memory = ""
    if parts and parts[-1].endswith("gb") and parts[-1][:-2].isdigit():
        memory = f" ({parts.pop()[:-2]} GB)"
    said = [_WORDS.get(part, part.upper()) for part in parts]
    return " ".join([_MAKERS.get(maker, maker.title()), *said]) + memory


def gpus(count: int, slug: str) -> str:
    """Say how many of which device.

    Examples
    --------
    >>> gpus(1, "nvidia-l4-24gb"), gpus(2, "nvidia-l4-24gb")
    ('one NVIDIA L4 (24 GB)', '2 x NVIDIA L4 (24 GB)')
    """
    return f"one {device_words(slug)}" if count == 1 else f"{count} x {device_words(slug)}"


def money(usd: float) -> str:
    """Write dollars with as many digits as matter.

    Examples
    --------
    >>> money(5475.2), money(7.5), money(0.034), money(0.00012)
    ('5,475 USD', '7.50 USD', '0.034 USD', '0.0001 USD')
    """
    if usd >= 100:
        return f"{usd:,.0f} USD"
    return f"{usd:,.2f} USD" if usd >= 1 else f"{usd:.3f} USD" if usd >= 0.01 else f"{usd:.1g} USD"


def plural(number: float, one: str, many: str) -> str:
    """Count something.

    Examples
    --------
    >>> plural(1, "person", "people"), plural(200, "person", "people")
    ('1 person', '200 people')
    """
    return f"{number:,.0f} {one if number == 1 else many}"


def seconds(ms: float) -> str:
    """Say a time.

    Examples
    --------
    >>> seconds(64.0), seconds(1000.0), seconds(1234.0), seconds(12000.0), seconds(240_000.0)
    ('0.06 seconds', '1 second', '1.2 seconds', '12 seconds', '4 minutes')
    """
    s = ms / MS_PER_S
    if s >= 2 * S_PER_MIN:
        return f"{s / S_PER_MIN:,.0f} minutes"
    digits = 0 if s >= 10 else 1 if s >= 0.95 else 2
    text = f"{s:,.{digits}f}".removesuffix(".0")
    return f"{text} second" if text == "1" else f"{text} seconds"
