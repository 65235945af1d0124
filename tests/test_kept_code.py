"""What Numba keeps on disk is checked before it is run: damaged code is compiled anew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = """
import numba
from guide_ml.compiled.kept import checked

@numba.njit(cache=True)
def twice(x):
    return 2 * x

assert twice is checked(twice)
print(twice(21), sum(twice.stats.cache_hits.values()), sum(twice.stats.cache_misses.values()))
"""


def call(folder: Path) -> list[int]:
    """Run it in a process: the answer, hits and misses of what is kept."""
    env = os.environ | {"NUMBA_CACHE_DIR": str(folder / "kept"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, str(folder / "work.py")], env=env, text=True,
                          capture_output=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


@pytest.mark.slow
def test_damaged_code_is_compiled_anew(tmp_path):
    (tmp_path / "work.py").write_text(CODE)
    assert call(tmp_path) == [42, 0, 1]
    assert call(tmp_path) == [42, 1, 0]
    for ending, damage in (
        ("*.nbc", lambda b: b[:-100] + b"\x00" * 100), ("*.nbc", lambda b: b[: len(b) // 2]),
        ("*.nbc", lambda b: b""), ("*.nbi", lambda b: b[:-3]), ("*.nbi", lambda b: b"nonsense"),
    ):  # fmt: skip
        (file,) = (tmp_path / "kept").rglob(ending)
        file.write_bytes(damage(file.read_bytes()))
        assert call(tmp_path) == [42, 0, 1]
        assert call(tmp_path) == [42, 1, 0]
