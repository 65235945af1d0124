"""Arrays of cases and measured rows say what the tables say that they are made from."""

from __future__ import annotations

import numpy as np
import pytest

from guide_ml.errors import BadArtefact
from guide_ml.estimators.predictor import default_predictor
from guide_ml.trust import compact
from guide_ml.trust.domain.cases import LOADS
from guide_ml.trust.domain.measured import DESCRIBED, HASHES
from guide_ml.trust.knowledge import Knowledge


@pytest.fixture(scope="module")
def known() -> Knowledge:
    return default_predictor().knowledge


def test_cases_and_hashes_come_back(known):
    reference, measured = compact.unpack(compact.archive(known), bytes, lambda: known.measured)
    assert reference.cases.keys() == known.reference.cases.keys()
    for name, values in known.reference.cases.items():
        assert reference.cases[name].dtype == values.dtype
        np.testing.assert_array_equal(reference.cases[name], values)
    assert measured.hashes is not None
    for name in HASHES:
        np.testing.assert_array_equal(measured.hashes[name], known.measured.rows[name])


@pytest.mark.slow
def test_the_nearest_rows_are_the_same(known):
    rows = known.measured.rows
    _, measured = compact.unpack(compact.archive(known), lambda: compact.archive_rows(known),
                                 lambda: known.measured)  # fmt: skip
    asked = {name: rows[f"log_{name}"].to_numpy()[700:701] for name in LOADS}
    distance = np.linspace(2.0, 0.0, len(known.reference.cases["rows"]))
    told, plain = (m.nearest(distance, asked, 5) for m in (measured, known.measured))
    for mine, other in zip(told, plain, strict=True):
        assert mine["distance"] == other["distance"]
        for name in DESCRIBED:
            assert mine[name] == other[name] or (mine[name] is None and other[name] != other[name])
    assert measured.rows is rows


@pytest.mark.parametrize("data", [b"", b"PK", b"\x93NUMPY"])
def test_what_is_no_such_file_is_refused(known, data):
    with pytest.raises(BadArtefact, match="must hold arrays"):
        compact.unpack(data, bytes, lambda: known.measured)
    with pytest.raises(BadArtefact, match="must hold arrays of measured rows"):
        compact.unpack(compact.archive(known), lambda: data, lambda: known.measured)[1].nearest(
            np.zeros(1), {}, 1)  # fmt: skip
