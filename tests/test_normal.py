"""The shortcuts of calibration and cross-validation give what the long way gives."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from guide_ml.describe.targets import NAMES
from guide_ml.measurements import evaluation
from guide_ml.measurements.read import Measurements, prepare, read_files
from guide_ml.physics import fit as calibration
from guide_ml.physics import normal
from guide_ml.physics.design import Drivers, from_vector
from guide_ml.physics.inputs import MEMORY, PRECISION
from guide_ml.physics.knobs import KNOBS
from guide_ml.physics.normal import Design, Normal
from guide_ml.table.read import Floats
from guide_ml.training import crossval, held_out
from guide_ml.training.dataset import Dataset, build
from guide_ml.trees.boosters import hyper_parameters


@pytest.fixture(scope="module")
def measured(few: Path) -> Measurements:
    return prepare(read_files(few))


@pytest.fixture(scope="module")
def data(measured: Measurements) -> Dataset:
    return build(measured)


def jacobian(design: Design, rows: Drivers, slopes: Floats) -> Floats:
    """Derive by every coefficient, one column after another."""
    knob = {k.name: i for i, k in enumerate(KNOBS)}
    columns = []
    for term in design.terms:
        moves: Floats = np.ones(rows.n)
        if term.kind == "slope":
            moves = rows.numbers[term.name]
        elif term.kind != "constant":
            moves = np.asarray(rows.codes[term.kind] == rows.levels[term.kind].index(term.name))
        columns.append(slopes[:, knob[term.knob]] * moves)
    return np.stack(columns, axis=1)


def written_out(equations: Normal) -> Floats:
    """Form the matrix from its products with unit vectors."""
    return np.stack([equations.times(unit) for unit in np.eye(len(equations.gradient))], axis=1)


def test_normal_equations_are_those_of_the_whole_jacobian(data: Dataset) -> None:
    rows, rng = data.sample.drivers, np.random.default_rng(0)
    slopes, weight = rng.normal(size=(rows.n, len(KNOBS))), rng.random(rows.n)
    residual, design = rng.normal(size=rows.n), Design(rows)
    equations = design.normal(slopes, weight, residual)
    whole = jacobian(design, rows, slopes)
    matrix = whole.T @ (weight[:, None] * whole)
    np.testing.assert_allclose(written_out(equations), matrix, atol=1e-9)
    np.testing.assert_allclose(equations.diagonal, np.diag(matrix), atol=1e-9)
    np.testing.assert_allclose(equations.gradient, whole.T @ (weight * residual), atol=1e-9)


@pytest.fixture(scope="module")
def equations(data: Dataset) -> Normal:
    """Equations of random slopes, weights and residuals on few rows."""
    rows, rng = data.sample.drivers, np.random.default_rng(1)
    slopes, weight = rng.normal(size=(rows.n, len(KNOBS))), rng.random(rows.n)
    return Design(rows).normal(slopes, weight, rng.normal(size=rows.n))


@pytest.mark.parametrize("prior", [1.0, 15.0, 150.0])
def test_conjugate_gradients_gain_what_a_dense_solver_does(
    equations: Normal, prior: float
) -> None:
    added = prior * np.random.default_rng(2).uniform(0.5, 2.0, len(equations.gradient))
    matrix = written_out(equations) + np.diag(added)
    exact = np.linalg.solve(matrix, equations.gradient)
    found = equations.solve(equations.gradient, added)
    # A step is worth what it takes off the squares, and of that it may leave a thousandth.
    gained = [x @ equations.gradient - 0.5 * x @ matrix @ x for x in (found, exact)]
    assert gained[0] == pytest.approx(gained[1], rel=1e-3)


def test_conjugate_gradients_that_go_on_find_the_dense_solvers_numbers(
    equations: Normal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(normal, "CLOSE", 1e-12)
    added = np.random.default_rng(2).uniform(5.0, 50.0, len(equations.gradient))
    exact = np.linalg.solve(written_out(equations) + np.diag(added), equations.gradient)
    found = equations.solve(equations.gradient, added)
    np.testing.assert_allclose(found, exact, atol=1e-9 * np.abs(exact).max())


def test_nothing_to_explain_is_solved_by_nothing(equations: Normal) -> None:
    zeros = np.zeros(len(equations.gradient))
    assert not equations.solve(zeros, np.ones(len(zeros))).any()


FIT = """
import hashlib, sys
from pathlib import Path
from guide_ml.training.dataset import build
from guide_ml.measurements.read import prepare, read_files
from guide_ml.physics.fit import fit

found = fit(build(prepare(read_files(Path(sys.argv[1])))).sample)
print(hashlib.sha256(repr(found).encode()).hexdigest())
"""


def test_calibration_is_the_same_to_the_last_bit_in_another_process(few: Path) -> None:
    """Sets of texts have another order in every process; no sum may follow one."""
    told = [
        subprocess.run([sys.executable, "-c", FIT, str(few)], text=True, check=True,
                       capture_output=True, env=os.environ | {"PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert told[0] == told[1] != ""


def test_rows_that_a_knob_does_not_touch_are_left_out_without_a_loss(data: Dataset) -> None:
    sample, design = data.sample, Design(data.sample.drivers)
    slopes = calibration._Slopes(sample)
    for size in (0.0, 0.2):  # the second time it leaves rows out
        theta = np.random.default_rng(1).normal(0.0, size, len(design.terms))
        knobs = from_vector(design.terms, theta).knobs(sample.drivers)
        base = calibration.log_estimate(sample, knobs)
        found = slopes.at(knobs, base)
        np.testing.assert_array_equal(found, calibration._Slopes(sample).at(knobs, base))
    assert sum(part is not None for part in slopes.parts) > len(KNOBS) // 4


def test_a_fold_fits_only_the_boosters_that_it_asks(
    measured: Measurements, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {name: p | {"rounds": 5} for name, p in hyper_parameters().items()}
    fold = evaluation.folds(evaluation.groups(measured, "hardware"))[data.values.row]
    held = fold == fold[0]
    names: list[str] = []
    fit_all = crossval.fit_boosters

    def noted(*args: object, **options: object) -> crossval.Members:
        found = fit_all(*args, **options)  # type: ignore[arg-type]
        names.extend(found)
        return found

    monkeypatch.setattr(crossval, "fit_boosters", noted)
    few = crossval.fold_errors(data, measured.resolved, held, 0, params)
    assert names
    assert not set(names) & set(NAMES)  # a device unseen: none for measured ones

    def everything(*args: object, **options: object) -> crossval.Members:
        return fit_all(*args, **options | {"plain": NAMES, "blind": NAMES})  # type: ignore[arg-type]

    monkeypatch.setattr(crossval, "fit_boosters", everything)
    whole = crossval.fold_errors(data, measured.resolved, held, 0, params)
    np.testing.assert_array_equal(few.log_predicted, whole.log_predicted)


def test_folds_of_several_splits_in_one_queue_are_those_of_each(
    measured: Measurements, data: Dataset
) -> None:
    params = {name: p | {"rounds": 3} for name, p in hyper_parameters().items()}
    told: list[tuple[int, int, str]] = []
    counts = {"deployment": 2, "model": 3}
    both = crossval.out_of_folds(measured, data, counts, 0, 1, lambda *step: told.append(step),
                                 params)  # fmt: skip
    assert [t[:2] for t in told] == [(i, 5) for i in range(1, 6)]
    assert told[0][2] == "split deployment: fold"
    for split, found in both.items():
        alone = crossval.out_of_fold(measured, data, split, 0, 1, None, params, counts[split])
        np.testing.assert_array_equal(found, alone)
        assert np.isfinite(found[0]).all()


def test_sources_are_held_out_several_at_a_time_and_never_all(measured: Measurements) -> None:
    assert held_out.fold_counts(measured, 10) == {
        "random": 10, "deployment": 10, "model": 10, "hardware": 10,
    }  # fmt: skip
    assert held_out.fold_counts(measured, 2)["source"] == 2
    one = replace(measured, table=measured.table.assign(source="mine"))
    assert "source" not in held_out.fold_counts(one, 10)


@pytest.mark.parametrize("name", NAMES)
def test_estimators_of_batch_latency_alone_see_precision_and_memory(name: str) -> None:
    seen = set(crossval.boosted_inputs(name)) & {*PRECISION, *MEMORY}
    assert seen == ({*PRECISION, *MEMORY} if name == "batch_latency_s" else set())
