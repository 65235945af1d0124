"""What the text cells of a table mean: names of the catalogue, or one of a few words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from guide_ml import catalogue
from guide_ml.describe.backends import backend
from guide_ml.describe.descriptors import MODES, STATS, Hardware, Model
from guide_ml.errors import InvalidInput, nearest
from guide_ml.precision.dtypes import KV_DTYPES, Dtype, dtype

__all__ = ["Definitions", "resolvers"]

#: Ways to draft tokens, as a message names them; and what the engines' names for them hold, with
#: the way that it is. The first that is found counts.
DRAFTED = ("mtp", "eagle3", "dflash", "ngram", "draft", "medusa", "suffix", "lookahead")
DRAFTS = {
    "eagle-mtp": "mtp", "eagle3": "eagle3", "eagle": "eagle", "mtp": "mtp", "nextn": "mtp",
    "dflash": "dflash", "dfly": "dflash", "dcut": "dflash", "dspark": "dflash", "ngram": "ngram",
    "n-gram": "ngram", "n_gram": "ngram", "lookup": "ngram", "lookahead": "ngram",
    "suffix": "ngram", "draft": "draft", "standalone": "draft", "medusa": "medusa",
    "hydra": "medusa", "mlp": "medusa", "spec": "draft", "user_provided": "draft",
    "auto": "draft", "yes": "draft", "true": "draft", "unknown": "draft",
}  # fmt: skip
NO_DRAFTS = ("", "none", "no", "false", "off")


@dataclass(frozen=True)
class Definitions:
    """Hardware and models that the catalogue lacks, known for one call.

    Parameters
    ----------
    hardware, models : mapping of str to Hardware or Model
        By the name that the table uses.
    """

    hardware: Mapping[str, Hardware] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)

    def find_hardware(self, name: str) -> Hardware:
        """Return the given device, or the catalogue's."""
        return self.hardware[name] if name in self.hardware else catalogue.hardware(name)

    def find_model(self, name: str) -> Model:
        """Return the given model, or the catalogue's."""
        return self.models[name] if name in self.models else catalogue.kindred(name)


def resolvers(known: Definitions) -> dict[str, Callable[[str], Any]]:
    """Return what reads a cell of each text column, or raises a :class:`GuideError`.

    Parameters
    ----------
    known : Definitions
        Hardware and models that the catalogue lacks.
    """
    return {
        "hardware": known.find_hardware, "model": known.find_model, "host": known.find_hardware,
        "draft_model": known.find_model,
        "framework": lambda s: catalogue.framework(s)[0].framework,
        "framework_version": str,
        "backend": backend,
        "weight_dtype": dtype, "kv_dtype": _kv_dtype, "spec_method": _spec_method,
        "mode": lambda s: _one_of("mode", s, MODES),
        "ttft_stat": lambda s: _one_of("ttft_stat", {"p50": "median"}.get(s, s), STATS),
        "tpot_stat": lambda s: _one_of("tpot_stat", {"p50": "median"}.get(s, s), STATS),
    }  # fmt: skip


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    text = value.lower()
    if text not in allowed:
        near = nearest(text, allowed, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InvalidInput(f"{name} must be one of {', '.join(allowed)}; got {value!r}{hint}")
    return text


def _kv_dtype(name: str) -> Dtype:
    found = dtype("fp16" if name.lower() == "auto" else name)
    if found.name not in KV_DTYPES:
        raise InvalidInput(f"kv_dtype must be one of {', '.join(KV_DTYPES)}; got {name!r}")
    return found


def _spec_method(name: str) -> str:
    """``none(inferred)`` and the like count as what was inferred."""
    text = name.lower().split("(")[0].strip()
    if text in NO_DRAFTS:
        return "none"
    kind = next((kind for stem, kind in DRAFTS.items() if stem in text), None)
    if kind is None:
        near = nearest(text, ("none", *DRAFTED), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InvalidInput(
            f"spec_method must be none or tell how tokens are drafted ({', '.join(DRAFTED)}, or"
            f" a name with draft in it); got {name!r}{hint}"
        )
    return kind
