"""Types of bodies follow the functions: a keyword that a function gains is taken here at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from pydantic import BaseModel, Field, create_model

__all__ = ["widened"]

Kind = TypeVar("Kind", bound=BaseModel)
#: What a keyword may be of which no more is known here.
Scalar = float | int | str | bool | None


def widened(
    body: type[Kind], function: Callable[..., Any], without: Collection[str] = ()
) -> type[Kind]:
    """Add the keywords of a function that a type lacks.

    Parameters
    ----------
    body : type
        Type of a body, with the keywords that are described here.
    function : callable
        Function or class whose keywords are meant.
    without : collection of str
        Keywords that do not come over the network.

    Examples
    --------
    >>> class Small(BaseModel):
    ...     a: int
    >>> def f(*, a, b=None, storage=None): ...
    >>> sorted(widened(Small, f, {"storage"}).model_fields)
    ['a', 'b']
    """
    more: dict[str, Any] = {}
    for name, told in inspect.signature(function).parameters.items():
        if name in body.model_fields or name in without or told.kind is told.VAR_KEYWORD:
            continue
        said = f"As {function.__name__} of Python takes it."
        kind: Any = list[str] if isinstance(told.default, tuple) else Scalar
        more[name] = (kind, Field([] if kind is not Scalar else None, description=said))
    return create_model(body.__name__.strip("_"), __base__=body, __doc__=body.__doc__, **more)
