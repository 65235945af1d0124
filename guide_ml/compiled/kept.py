"""What Numba compiled, kept on disk with its hash: a damaged file is compiled anew, not run."""

from __future__ import annotations

import hashlib
import pickle  # Numba's own files beside this code; nothing else is read so
from contextlib import suppress
from typing import Any

from numba.core.caching import IndexDataCacheFile

__all__ = ["checked"]

SIZE = hashlib.sha256().digest_size


_Base: Any = IndexDataCacheFile  # ships no types


class _Checked(_Base):  # type: ignore[misc]
    """The files of one function's cache; each piece of code follows its hash."""

    def save(self, key: Any, data: Any) -> None:
        """Keep a piece of code; a disk that is full keeps nobody from predicting."""
        with suppress(OSError):
            super().save(key, data)

    def _load_index(self) -> Any:
        try:
            found = super()._load_index()
        except Exception:  # a damaged pickle raises anything
            return {}
        return found if isinstance(found, dict) else {}

    def _load_data(self, name: str) -> Any:
        with open(self._data_path(name), "rb") as file:
            content = file.read()
        code = content[SIZE:]
        if hashlib.sha256(code).digest() != content[:SIZE]:
            raise OSError(f"{name} is damaged")  # Numba takes it for a file that is not there
        return pickle.loads(code)

    def _save_data(self, name: str, data: Any) -> None:
        code = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(code).digest() + code)


def checked(function: Any) -> Any:
    """Let a compiled function keep its code with hashes; one without a cache stays as it is."""
    with suppress(AttributeError):  # a Numba that keeps its code in another way
        files = function._cache._cache_file
        files.__class__ = _Checked if type(files) is _Base else type(files)
    return function
