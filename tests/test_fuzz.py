"""Every public entry under odd input; ``make test-faults`` puts 20,000 before them.

How many is told by the environment: ``GUIDE_FUZZ=2000 pytest -m faults tests/test_fuzz.py``.
"""

from __future__ import annotations

import os

import pytest

from tests.fuzzing import ENTRIES, tried

FEW = 12
ALL = int(os.environ.get("GUIDE_FUZZ", "20000"))
SLOW = ("trained set", "ingest")  # a set, or all measurements, read for them


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("entry", [e for e in ENTRIES if e not in SLOW])
def test_a_few_odd_inputs_end_in_an_answer_or_a_sentence(entry):
    found = tried(entry, FEW)
    assert not found.faults
    assert sum(found.ended.values()) >= FEW // 2


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("entry", ENTRIES)
def test_odd_inputs_end_in_an_answer_or_a_sentence(entry):
    found = tried(entry, max(int(ALL * ENTRIES[entry][2]), 1), seed=1)
    assert not found.faults
