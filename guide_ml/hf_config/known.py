"""Whether the structure that a config describes is known, and what is refused."""

from __future__ import annotations

from guide_ml.errors import InvalidInput
from guide_ml.hf_config.classes import is_class
from guide_ml.hf_config.families import FAMILIES, WRAPPERS, canonical_type
from guide_ml.hf_config.keys import Keys
from guide_ml.hf_config.limits import unchecked, uncounted, unread
from guide_ml.hf_config.refused import refusal
from guide_ml.hf_config.text import TextPart
from guide_ml.hf_config.vocabulary import foreign_keys

__all__ = ["is_known", "require_decoder", "source"]

_BY_HAND = "describe it by hand as a guide_ml Model instead"


def is_known(model_type: str) -> bool:
    """Whether a type's structure is counted knowingly."""
    if canonical_type(model_type) in FAMILIES or model_type.lower() in WRAPPERS:
        return True
    return is_class(model_type) and not uncounted(model_type) and not unchecked(model_type)


def require_decoder(part: TextPart, owner: str) -> None:
    """Refuse what generates no text or cannot be counted, by the types inside and outside."""
    for model_type in (*part.around, part.model_type):
        reason = refusal(model_type) or uncounted(model_type)
        if reason:
            raise InvalidInput(
                f"{owner}: model_type must be that of a decoder with attention, or of T5;"
                f" {model_type!r} {reason}; {_BY_HAND}"
            )
    family = FAMILIES.get(canonical_type(part.model_type))
    listed = part.values.get("architectures")
    names = [str(a) for a in listed] if isinstance(listed, list) else []
    reason = ""
    # Segment embeddings are BERT's mark.
    masked = any(a.endswith("ForMaskedLM") for a in names) or part.values.get("type_vocab_size")
    if masked and not family:
        reason = "is an encoder, which generates no text"
    elif any("diffusion" in a.lower() for a in names):
        reason = "generates by diffusion, many tokens at once, and is not served as a decoder"
    elif part.values.get("is_encoder_decoder") is True and not (family and family.encoder_decoder):
        reason = "is an encoder-decoder other than T5"
    if reason:
        raise InvalidInput(
            f"{owner}: model_type must be that of a decoder with attention, or of T5;"
            f" {part.model_type!r} {reason}; {_BY_HAND}"
        )


def source(part: TextPart, keys: Keys, accept_unknown: bool) -> str:
    """Say how far the count may be trusted; refuse one that would be a guess.

    Parameters
    ----------
    part : TextPart
        What was read.
    keys : Keys
        Its keys after the model was built, so that those which nobody asked for are known.
    accept_unknown : bool
        Count on where keys that may change the structure are not read.

    Raises
    ------
    InvalidInput
        If there are such keys and `accept_unknown` is false.
    """
    strange = [t for t in (*part.around, part.model_type) if not is_known(t)]
    if strange or not part.model_type:
        return _guess(part, keys, strange, accept_unknown)
    missed = unread(part.model_type, keys.given, keys.read)
    if missed and not accept_unknown:
        raise InvalidInput(
            f"{keys.owner}: {', '.join(missed)} must be as in most models of type"
            f" {part.model_type!r}: what other values change is not counted yet;"
            f" --accept-unknown (in Python accept_unknown=True) counts on without them"
        )
    filled = sorted(k for k in keys.filled if keys.filled[k] not in (False, 0))
    told = f"config.json of type {part.model_type}, parameters counted"
    if missed:
        told += f"; not read: {', '.join(missed)}"
    # A class was compared key by key; of code that comes with the weights this much can be said.
    elif not is_class(part.model_type) and (
        foreign := foreign_keys(keys.given, keys.read)
    ):
        told += f"; keys not read: {', '.join(foreign)}"
    return told + (f"; filled in from the class: {', '.join(filled)}" if filled else "")


def _guess(part: TextPart, keys: Keys, strange: list[str], accept_unknown: bool) -> str:
    """Say that a type is counted like Llama, with the keys that nobody read."""
    name = " in ".join(repr(t) for t in reversed(strange)) or "none"
    foreign = foreign_keys(keys.given, keys.read)
    if foreign and not accept_unknown:
        raise InvalidInput(
            f"{keys.owner}: model_type {name} must be a known one, or state only keys that are"
            f" understood; not understood: {', '.join(foreign)};"
            " --accept-unknown (in Python accept_unknown=True) counts it as Llama without them,"
            f" or {_BY_HAND}"
        )
    if part.model_type and is_known(part.model_type):
        told = f"config.json of type {part.model_type} inside unknown type {name}"
        told += ", the inner model counted"
    else:
        told = f"config.json of unknown type {name.strip(chr(39))}, parameters counted as in Llama"
    return told + (f"; unknown keys {', '.join(foreign)}" if foreign else "")
