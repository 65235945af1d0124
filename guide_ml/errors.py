"""Errors that a user may see.

GuideError
├── UnknownName      a slug, alias or column that no table knows
│   └── SeveralNames a name that several slugs have
├── InvalidInput     a value that is absurd, contradictory or of the wrong type
├── DoesNotFit       a deployment whose memory the devices do not have
├── BadArtefact      an estimator file that is corrupt, foreign or of another version
├── BadData          a measurement file that breaks the schema
└── BadStore         a tracking store that cannot be reached, or lacks what is asked for

A message says what must hold, what came, and what to do.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable

__all__ = ["BadArtefact", "BadData", "BadStore", "DoesNotFit", "GuideError", "InvalidInput",
           "SeveralNames", "UnknownName", "check_seed", "nearest", "whole_letters",
           "without_passwords"]  # fmt: skip


#: Likeness from which on a name is a suggestion, of plain words and of names with numbers:
#: `chatgpt` is no way to write `chatglm-6b` (0.63), and `gpt-4o` none to write `gpt2` (0.67).
NEAR, NEAR_NUMBERED = 0.66, 0.7
#: So few names are listed where none is spelt like the one that came.
FEW = 10


class GuideError(Exception):
    """Base of every error that guide-ml raises on purpose."""


class InvalidInput(GuideError):
    """A value is absurd, contradictory or of the wrong type."""


class DoesNotFit(GuideError):
    """The devices lack the memory that the deployment needs."""


class BadArtefact(GuideError):
    """An estimator artefact is corrupt, foreign or of another version."""


class BadData(GuideError):
    """A measurement table breaks its schema."""


class BadStore(GuideError):
    """A tracking store cannot be reached, or lacks what was asked for.

    Parameters
    ----------
    text : str
        What is wrong; passwords of addresses in it are left out.
    """

    def __init__(self, text: str) -> None:
        super().__init__(without_passwords(text))


#: ``https://user:password@host``: what stands between the colon and the last at sign.
_PASSWORD = re.compile(r"(://[^/\s:@'\"]*):[^/\s'\"]*@")

#: Libraries take seeds of 31 bits; one of them adds one.
MOST_SEED = 2**31 - 2


def without_passwords(text: str) -> str:
    """Leave out the passwords of addresses in a text.

    Examples
    --------
    >>> without_passwords("no answer at https://me:se@cret@there/api, nor at http://there:80")
    'no answer at https://me:***@there/api, nor at http://there:80'
    """
    return _PASSWORD.sub(r"\1:***@", text)


def check_seed(seed: int) -> None:
    """Refuse a seed that the libraries which draw would not take.

    Raises
    ------
    InvalidInput
        If it is negative or too large.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MOST_SEED:
        raise InvalidInput(f"seed must be a whole number from 0 to {MOST_SEED:,}; got {seed!r}")


class UnknownName(GuideError):
    """A name that no table knows; the message offers the nearest spellings.

    Parameters
    ----------
    kind : str
        What the name was meant to be: ``"hardware"``, ``"model"``, ...
    name : str
        The name that came.
    known : iterable of str
        The names that exist.
    hint : str
        What else could be done.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        short = name if len(name) <= 80 else name[:77] + "..."
        known = list(known)
        near = nearest(short, known)
        few = sorted(dict.fromkeys(known)) if len(known) <= FEW else []
        text = f"unknown {kind} {short!r}"
        text += f"; did you mean {', '.join(near)}?" if near else (
            f"; there are {', '.join(few)}." if few else f"; no {kind} is spelt like it.")
        super().__init__(f"{text} {hint}".strip())


class SeveralNames(UnknownName):
    """A name that several things of a table have; the message lists them.

    Parameters
    ----------
    kind : str
        What the name was meant to be: ``"hardware"``, ...
    name : str
        The name that came.
    known : iterable of str
        The slugs that it may mean.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        short = name if len(name) <= 80 else name[:77] + "..."
        GuideError.__init__(self, f"{kind} {short!r} may be one of several; did you mean"
                                  f" {', '.join(known)}? Give one of these.")  # fmt: skip


def nearest(name: str, known: Iterable[str], n: int = 3) -> list[str]:
    """Return up to `n` names spelt most like `name`, best first.

    Examples
    --------
    >>> nearest("nvidia-h100-sxm", ["nvidia-h100-sxm-80gb", "amd-mi300x-192gb"])
    ['nvidia-h100-sxm-80gb']
    """
    by_key: dict[str, str] = {}
    for one in known:  # slugs come before their other spellings
        by_key.setdefault(_key(one), one)
    key = _key(name)
    held = (k for k, one in by_key.items()
            if key and (_whole_words(key, one) or _whole_words(k, name)))
    inside = sorted(held, key=len)[:n]
    least = NEAR_NUMBERED if any(c.isdigit() for c in key) else NEAR
    close = difflib.get_close_matches(key, list(by_key), n=n, cutoff=least)
    return [by_key[k] for k in dict.fromkeys([*inside, *close])][:n]


def whole_letters(text: str) -> str:
    r"""Write halves of letters (lone surrogates), which no file can hold, as escapes.

    Examples
    --------
    >>> whole_letters("a\ud800")
    'a\\ud800'
    """
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _whole_words(key: str, name: str) -> bool:
    """Tell whether some neighbouring words of a name are spelt like a key.

    Examples
    --------
    >>> _whole_words("h100sxm", "nvidia-h100-sxm-80gb"), _whole_words("chatgpt", "Llama-Chat-GPTQ")
    (True, False)
    """
    words = ["".join(g) for alnum, g in itertools.groupby(name.lower().rsplit("/", 1)[-1],
                                                           str.isalnum) if alnum]  # fmt: skip
    ends = list(itertools.accumulate(map(len, words), initial=0))
    joined = "".join(words)
    return any(joined.startswith(key, start) and start + len(key) in ends for start in ends)


def _key(name: str) -> str:
    """Reduce a name to what people remember of it: its last path part, letters and digits."""
    return "".join(c for c in name.lower().rsplit("/", 1)[-1] if c.isalnum())
