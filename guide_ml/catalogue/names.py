"""What a processor calls itself, brought into the form of a slug."""

from __future__ import annotations

import re

__all__ = ["machine_names"]

_NOISE = re.compile(
    r"\((?:r|tm)\)"  # marks
    r"|@.*$|\bcpu\b|\bprocessor\b|\b\d+-cores?\b"  # clock, kind, cores
    r"|\b\d+th gen\b|\bw/ .*$|\bwith radeon.*$"  # generation, graphics on the same chip
)
_LEVELS = re.compile(r"-(?:gold|platinum|silver|bronze)(?=-)")


def machine_names(text: str) -> tuple[str, ...]:
    """Slugs that the name of a processor may stand for, likeliest first.

    Examples
    --------
    >>> machine_names("Intel(R) Xeon(R) Platinum 8488C CPU @ 2.40GHz")
    ('intel-xeon-platinum-8488c', 'intel-xeon-8488c')
    >>> machine_names("AMD EPYC 7R13 48-Core Processor")
    ('amd-epyc-7r13',)
    """
    words = _NOISE.sub(" ", text.lower()).replace("+", "-plus").split()
    name = "-".join(words).replace("amd-ryzen-threadripper", "amd-threadripper")
    return tuple(dict.fromkeys((name, _LEVELS.sub("", name))))
