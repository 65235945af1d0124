"""The arrays that belong beside a booster."""

from __future__ import annotations

from guide_ml.trees.boosters import Lazy, LightGbm, Member
from guide_ml.trees.compiled import trees_of
from guide_ml.trees.packed import pack

__all__ = ["arrays_of"]


def arrays_of(member: Member) -> bytes | None:
    """Write the trees of a LightGBM booster as arrays; ``None`` of another kind."""
    own = member.member if isinstance(member, Lazy) else member
    return pack(trees_of(own.booster)).bytes() if isinstance(own, LightGbm) else None
