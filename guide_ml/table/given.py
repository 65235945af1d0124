"""What callers may hand over for hardware, a model or a framework, turned into value objects.

A name is looked up in the catalogue; an object is taken as it is; a dict or a file describes
what the catalogue lacks.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from guide_ml import catalogue
from guide_ml.describe.descriptors import Framework, Hardware, Model
from guide_ml.errors import InvalidInput, UnknownName

__all__ = ["FrameworkLike", "HardwareLike", "ModelLike", "framework", "hardware", "model", "named"]

HardwareLike = Hardware | str | os.PathLike[str] | Mapping[str, Any]
ModelLike = Model | str | os.PathLike[str] | Mapping[str, Any]
FrameworkLike = Framework | str

DEEPEST = 50  # levels of a config; files have four

Described = TypeVar("Described", Hardware, Model)


def hardware(given: HardwareLike) -> Hardware:
    """Return the device that the caller means.

    Parameters
    ----------
    given : str, Hardware, dict or path
        Slug or alias of the catalogue; an object; the fields of
        :class:`guide_ml.describe.descriptors.Hardware` as a dict, or as the keys of a TOML file.
        The file's name stands in for a missing key ``hardware``.

    Raises
    ------
    UnknownName
        If no device has that name, or a key is no field.
    InvalidInput
        If the file cannot be read, a key is missing or a value is absurd.

    Examples
    --------
    >>> hardware("h100").hardware
    'nvidia-h100-sxm-80gb'
    >>> hardware({"hardware": "mine", "memory_gb": 64, "mem_bw_gbs": 2000,
    ...           "fp16_tflops": 300}).vendor
    'unknown'
    """
    if isinstance(given, Hardware):
        return _checked("hardware", given, given.hardware)
    if isinstance(given, Mapping):
        return _described_hardware(given, "the hardware that was given")
    if (path := _path("hardware", given, ".toml")) is not None:
        values = _toml(path)
        return _described_hardware({"hardware": path.stem, **values}, f"{str(path)!r}")
    try:
        return catalogue.hardware(str(given))
    except UnknownName:
        if not os.path.isfile(given):
            raise
        return hardware(Path(given))


def model(given: ModelLike, accept_unknown: bool = False) -> Model:
    """Return the model that the caller means.

    Parameters
    ----------
    given : str, Model, dict or path
        Hugging Face id or alias of the catalogue; an object; the content of a Hugging Face
        ``config.json``, its path, or the folder that holds it; or a GGUF file.
    accept_unknown : bool
        Count a config of a type that is not known as Llama whatever its other keys say.

    Examples
    --------
    >>> model("llama-3.1-8b-instruct").num_layers
    32
    """
    if isinstance(given, Model):
        return _checked("model", given, given.model)
    if str(given).strip().lower().endswith(".gguf") and not isinstance(given, Mapping):
        from guide_ml.hf_config import model_from_gguf

        return model_from_gguf(Path(str(given).strip()))
    if isinstance(given, Mapping):
        _check_values(given)
        return _described_model(given, accept_unknown)
    if (path := _path("model", given, ".json")) is not None:
        return _described_model(path, accept_unknown)
    try:
        return catalogue.kindred(str(given))
    except UnknownName:
        # A name of the catalogue goes first: a folder may be called like it by chance.
        if not (os.path.isfile(given) or os.path.isfile(os.path.join(given, "config.json"))):
            raise
        return _described_model(Path(given), accept_unknown)


def framework(given: FrameworkLike | None) -> dict[str, str]:
    """Return the cells of a table that stand for the framework that the caller means.

    Parameters
    ----------
    given : str or Framework, optional
        Slug or alias of the catalogue, or an object; ``None`` leaves the cells out.

    Examples
    --------
    >>> framework("trtllm")
    {'framework': 'tensorrt-llm'}
    """
    if given is None:
        return {}
    if not isinstance(given, Framework):
        _path("framework", given, "")
        return {"framework": catalogue.framework(given)[0].framework}
    slug = catalogue.framework(given.framework, given.version, given.backend)[0].framework
    return {"framework": slug, "framework_version": given.version, "backend": given.backend}


def named(
    kind: str, given: Mapping[str, Any] | Iterable[Any] | None, read: Callable[[Any], Described]
) -> dict[str, Described]:
    """Return definitions by the name that a table uses for them.

    Parameters
    ----------
    kind : {"hardware", "model"}
        What is defined.
    given : mapping or iterable, optional
        What `read` takes, by name; or objects, files or dicts that have names themselves.
    read : callable
        :func:`hardware` or :func:`model`.
    """
    if given is None:
        return {}
    if isinstance(given, str | os.PathLike | Hardware | Model):
        given = [given]
    if isinstance(given, Mapping):
        bad = [k for k in given if not isinstance(k, str) or not k.strip()]
        if bad:
            raise InvalidInput(f"names of {kind} definitions must be text; got {bad[0]!r}")
        return {k.strip(): read(v) for k, v in given.items()}
    if not isinstance(given, Iterable):
        raise InvalidInput(
            f"{kind} definitions must be a dict by name or a list; got {_what(given)}"
        )
    return {str(getattr(found, kind)).strip(): found for found in map(read, given)}


def _check_values(given: Any, key: str = "", depth: int = 0) -> None:
    """Refuse values that no JSON has and that cannot be compared: arrays, pandas' NA."""
    if depth > DEEPEST:
        raise InvalidInput(f"a config.json may be nested {DEEPEST} times; {key!r:.80} is deeper")
    if isinstance(given, Mapping):
        for name, value in given.items():
            _check_values(value, str(name), depth + 1)
    elif isinstance(given, list | tuple):
        for value in given:
            _check_values(value, key, depth + 1)
    else:
        try:
            bool(given == given)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise InvalidInput(
                f"a config.json must hold JSON values; {key!r:.80} is {_what(given):.80}"
            ) from error


def _what(given: object) -> str:
    return f"{given!r} ({type(given).__name__})"


def _path(kind: str, given: object, suffix: str) -> Path | None:
    """Return the path if one was given for sure; refuse what is neither name nor path."""
    if isinstance(given, os.PathLike) and suffix:
        return Path(given)
    if not isinstance(given, str):
        raise InvalidInput(f"{kind} must be a name{_OR[kind]}; got {_what(given)}")
    return Path(given.strip()) if suffix and given.strip().lower().endswith(suffix) else None


_OR = {
    "hardware": ", a Hardware, a dict of its fields or a path to a TOML file",
    "model": ", a Model, the dict of a config.json or a path to one",
    "framework": " or a Framework",
}


def _described_model(config: Mapping[str, Any] | Path, accept_unknown: bool) -> Model:
    """Read a config.json; what reads it is imported now, as most models come by name."""
    from guide_ml.hf_config import model_from_config

    return model_from_config(config, accept_unknown=accept_unknown)


def _described_hardware(values: Mapping[str, Any], origin: str) -> Hardware:
    known = [f.name for f in fields(Hardware)]
    for key in values:
        if key not in known:
            raise UnknownName(f"key in {origin}:", str(key), known)
    missing = [f.name for f in fields(Hardware) if f.default is MISSING and f.name not in values]
    if missing:
        raise InvalidInput(
            f"{origin} must state {', '.join(missing)};"
            " `guide show nvidia-h100-sxm-80gb` shows what can be stated of a device"
        )
    return _checked("hardware", Hardware(**values), values["hardware"])


def _checked(kind: str, found: Described, name: object) -> Described:
    """Refuse what is no text or truth value where there must be one."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput(f"{kind} must have a name; got {name!r}")
    for f in fields(found):
        value = getattr(found, f.name)
        if f.type == "str" and not isinstance(value, str):
            raise InvalidInput(f"{kind} {name!r}: {f.name} must be text; got {_what(value)}")
        if f.type == "bool" and not isinstance(value, bool):
            raise InvalidInput(
                f"{kind} {name!r}: {f.name} must be true or false; got {_what(value)}"
            )
    return found


def _toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as handle:
            return tomllib.load(handle)
    except FileNotFoundError as error:
        raise InvalidInput(f"hardware: there is no file {str(path)!r}") from error
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidInput(f"{str(path)!r} must be a TOML file; {reason}") from error
