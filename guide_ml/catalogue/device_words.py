"""The words of a device's name: what tells the chip, and what may be left out.

Drivers, clouds, shops and benchmark files write the maker, the series, the memory, the form of the
board and the number of cores in any order, or leave them out. The rest is the chip.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ARCHITECTURES", "DRIVER_NOISE", "MAKERS", "SAME", "SERIES", "DeviceName", "device_name"]

#: Words of a maker that any of its devices may carry.
MAKERS: dict[str, frozenset[str]] = {
    "nvidia": frozenset(("geforce", "tesla", "quadro", "jetson")),
    "amd": frozenset(("radeon", "instinct", "firepro")),
    "intel": frozenset(("platinum", "gold", "silver", "bronze", "scalable")),
    "huawei": frozenset(("ascend", "hisilicon")),
    "aws": frozenset(("amazon", "annapurna")),
    "apple": frozenset(("mac", "macbook", "imac", "ipad", "iphone", "silicon")),
    "google": frozenset(("cloud",)),
    "qualcomm": frozenset(("hexagon",)),
    "broadcom": frozenset(("raspberry",)),
    "mediatek": frozenset(), "samsung": frozenset(), "rockchip": frozenset(),
    "tenstorrent": frozenset(), "ampere": frozenset(("amperecomputing",)),
    "alibaba": frozenset(("t-head", "aliyun")), "microsoft": frozenset(("azure",)),
    "moorethreads": frozenset(("mthreads", "moore", "threads", "mtt")), "radxa": frozenset(),
    "cambricon": frozenset(),
    "hygon": frozenset(("dcu",)), "furiosa": frozenset(("furiosaai",)),
    "rebellions": frozenset(), "groq": frozenset(), "ibm": frozenset(), "hailo": frozenset(),
    "kunlunxin": frozenset(("kunlun", "baidu")), "enflame": frozenset(), "iluvatar": frozenset((
        "tiangai", "zhikai", "corex")), "metax": frozenset(), "biren": frozenset(),
    "sophgo": frozenset(), "axera": frozenset(), "sambanova": frozenset(),
    "spacemit": frozenset(), "cix": frozenset(), "sifive": frozenset(),
    "raspberry": frozenset(),
}  # fmt: skip
#: Words of a series: they may be left out; one that is said must be the device's own.
SERIES = frozenset((
    "rtx", "gtx", "rx", "arc", "core", "xeon", "epyc", "ryzen", "i3", "i5", "i7", "i9",
))  # fmt: skip
#: Generations that people add to a name, or leave out of it.
ARCHITECTURES = frozenset((
    "ada", "blackwell", "hopper", "ampere", "turing", "volta", "pascal", "maxwell", "kepler",
    "wormhole", "blackhole", "grayskull", "alchemist", "battlemage", "rdna2", "rdna3",
    "rdna4", "cdna2", "cdna3", "cdna4",
))  # fmt: skip
OPTIONAL = SERIES | ARCHITECTURES | MAKERS.keys() | frozenset().union(*MAKERS.values())

#: What drivers write that tells nothing of the chip, and never more than the chip does.
DRIVER_NOISE = frozenset((
    "gpu", "graphics", "edition", "generation", "accelerator", "oam", "hbm2e", "hbm3e",
))  # fmt: skip
#: What tells nothing of the chip.
_NOISE = DRIVER_NOISE | frozenset((
    "cpu", "processor", "card", "module", "developer", "development", "devkit", "kit", "hgx",
    "dgx", "with", "design", "superchip", "lovelace", "hbm2", "hbm3", "gddr5", "gddr6", "gddr6x",
    "gddr7", "soc", "apu", "studio", "mini",
))  # fmt: skip
#: Words that are written in several ways.
SAME = {"notebook": "laptop", "mobile": "laptop", "pci": "pcie"} | {
    f"sxm{n}": "sxm" for n in "23456"} | {f"pcie{n}": "pcie" for n in "345"}  # fmt: skip
_CUT = re.compile(
    r"\((?:r|tm|c)\)|[®™]"  # marks
    r"|@.*$|\bw/ .*$|\bwith radeon.*$"  # clock, graphics on the same chip
    r"|\b\d+th gen\b|\btensor core\b|\bmacbook (?:pro|air)\b|\bmac (?:pro|studio|mini)\b"
)
#: Words that stick to the next ones: ``rtx4090``, ``arcb580``, ``h100sxm``.
_BEFORE = re.compile(
    r"\b(nvidia|geforce|tesla|quadro|jetson|amd|radeon|intel|apple|epyc|xeon|ryzen|rtx|gtx"
    r"|(?:rx|arc)(?=[a-z]{0,4}\d))(?=[a-z\d])"
)
_AFTER = re.compile(r"(\d[a-z]?)(pcie|sxm\d?|ada|laptop)\b")
_MEMORY = re.compile(r"(?<![a-z\d.])(\d{1,4}(?:\.\d+)?[ _-]?gi?b|\d{1,3}g)(?![a-z\d.]|/s)")
_GPU_CORES = re.compile(r"\b(\d+)[ -]?cores?[ -]gpu\b|\bgpu[ -](\d+)[ -]?cores?\b|\b(\d{1,2})c\b")
_CORES = re.compile(r"\b(\d+)[ -]?cores?\b")
_CPU_CORES = re.compile(r"\b\d+[ -]?cores?[ -]cpu\b")


@dataclass(frozen=True)
class DeviceName:
    """A name taken apart.

    Parameters
    ----------
    chip : tuple of str
        The words that tell the chip, in the order in which they came.
    said : frozenset of str
        Words of makers, series and generations.
    memory_gb : float, optional
        Memory that the name tells, GB.
    cores : int, optional
        Cores of a GPU that the name tells; where it does not say of what, they may be a CPU's.
    sure : bool
        Whether they are the GPU's.
    form : str
        ``sxm``, ``pcie`` or blank.
    cpu : bool
        Whether it says that it is a CPU.
    """

    chip: tuple[str, ...]
    said: frozenset[str]
    memory_gb: float | None
    cores: int | None
    sure: bool
    form: str
    cpu: bool = False

    @property
    def keys(self) -> tuple[str, str]:
        """Return the chip's letters and digits, as they came and with the words in order."""
        return "".join(self.chip), " ".join(sorted(self.chip))


def device_name(text: str) -> DeviceName:
    """Take a name apart.

    Examples
    --------
    >>> device_name("NVIDIA A100-SXM4-80GB")  # doctest: +NORMALIZE_WHITESPACE
    DeviceName(chip=('a100',), said=frozenset({'nvidia'}), memory_gb=80.0, cores=None, sure=False,
               form='sxm', cpu=False)
    >>> device_name("Apple M1 Max (24-core GPU, 64 GB)").cores
    24
    >>> device_name("Intel(R) Xeon(R) Platinum 8480+ @ 2.00GHz").chip
    ('8480', 'plus')
    """
    rest = _CUT.sub(" ", text.lower().replace("_", "-")).replace("+", " plus ")
    for _ in range(3):  # nvidia geforce rtx
        rest = _BEFORE.sub(r"\1 ", rest)
    rest = _CPU_CORES.sub(" ", _AFTER.sub(r"\1 \2", rest))
    cores, sure = None, False
    for pattern, gpus in ((_GPU_CORES, True), (_CORES, False)):
        for match in pattern.finditer(rest):
            if cores is None or gpus > sure:
                cores, sure = int(next(g for g in match.groups() if g)), gpus
        rest = pattern.sub(" ", rest)
    sizes = [float(re.sub(r"[^\d.]", "", m)) for m in _MEMORY.findall(rest)]
    rest = re.sub(r"[^a-z\d.]+", " ", _MEMORY.sub(" ", rest))
    parts = [w.strip(".") for w in rest.split()]
    words = [SAME.get(w, w) for w in parts if w not in _NOISE]
    form = next((w for w in words if w in ("sxm", "pcie")), "")
    loose = OPTIONAL - {"rtx"} if "titan" in words else OPTIONAL  # Titan RTX, V, X, Xp
    return DeviceName(
        tuple(w for w in words if w and w not in loose and w != form),
        frozenset(w for w in words if w in loose), sizes[0] if sizes else None, cores, sure,
        form, "cpu" in parts,
    )  # fmt: skip
