"""How far a deployment is from what was measured: cases, distances, words for them."""

from guide_ml.trust.domain.levels import LEVELS, domain, levels
from guide_ml.trust.domain.reference import FAMILIARITY, Familiarity, Reference

__all__ = ["FAMILIARITY", "LEVELS", "Familiarity", "Reference", "domain", "levels"]
