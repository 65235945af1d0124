"""Lists of modules as quantisation configs write them: names, globs, regular expressions."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

from guide_ml.errors import InvalidInput

__all__ = ["Patterns"]

_BEFORE = ("", "model.", "model.language_model.", "language_model.model.", "language_model.")
_LONGEST = 500  # characters of a pattern; published ones have fewer than 100


class Patterns:
    """Which modules a list of names, globs and regular expressions means.

    Parameters
    ----------
    listed : iterable of str
        ``re:`` in front marks a regular expression, a ``*`` inside a glob; all others are
        parts of a module's path.

    Examples
    --------
    >>> some = Patterns(["lm_head", "re:.*self_attn.*", "model.layers.3.mlp"])
    >>> some.match(("layers.3.mlp.up_proj",)), some.match(("layers.4.mlp.up_proj",))
    (True, False)
    """

    def __init__(self, listed: Iterable[object], owner: str = "quantization_config") -> None:
        self._plain: set[str] = set()
        self._free: list[re.Pattern[str]] = []
        for given in listed:
            text = str(given)
            if len(text) > _LONGEST:
                raise InvalidInput(
                    f"{owner}: a module name must have {_LONGEST} characters at most;"
                    f" got {len(text)}"
                )
            if text.startswith("re:") or "*" in text:
                self._free.append(_compiled(text, owner))
            else:
                self._plain.add(_short(text))

    def __bool__(self) -> bool:
        return bool(self._plain or self._free)

    def match(self, names: tuple[str, ...]) -> bool:
        """Whether a module of these names is meant."""
        return any(self._one(name) for name in names)

    def _one(self, name: str) -> bool:
        steps = name.split(".")
        spans = (
            ".".join(steps[i:j]) for i in range(len(steps)) for j in range(i + 1, len(steps) + 1)
        )
        if self._plain and any(span in self._plain for span in spans):
            return True
        return any(p.match(before + name) for p in self._free for before in _BEFORE)


def _short(text: str) -> str:
    """Leave out what stands in front of the layers: models are wrapped in different ways."""
    found = re.search(r"(?:^|\.)(layers\.\d.*)$", text)
    if found:
        return found.group(1)
    return text.rpartition(".")[2] if text.endswith(("lm_head", "embed_tokens")) else text


def _compiled(text: str, owner: str) -> re.Pattern[str]:
    is_regex = text.startswith("re:")
    try:
        return re.compile(text[3:] if is_regex else fnmatch.translate(text))
    except re.error as error:
        raise InvalidInput(
            f"{owner}: {text!r} must be a regular expression after 're:'; {error}"
        ) from error
