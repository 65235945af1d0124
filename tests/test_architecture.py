"""Imports go one way, serving is light, files are short. A new package goes into ORDER."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "guide_ml"
ORDER = (  # the data's way: a package imports from those before it, never from those after it
    "errors", "units", "system", "compiled", "precision", "launch", "describe", "answers",
    "hf_config", "catalogue", "offers", "table", "features", "physics", "measurements", "traffic",
    "ingest", "trees", "profiles", "trust", "registry", "estimators", "predictions", "simulation",
    "training", "explaining", "calibration", "api", "sizing", "searching", "scoring", "tracking",
    "planning", "web", "cli",
)  # fmt: skip
MAX_LEVELS = 17
FACADE = {"__init__", "__main__", "moved"}  # re-export public names, stand outside of the order
SERVING = ("api", "cli")  # what a prediction loads, with all they import
EXTRAS = {"web"}  # need an extra, so that nothing else imports them at its start
OFFLINE = {"matplotlib", "mlflow", "optuna"}  # slow to import, needed by training only
#: Packages that are imported by another name.
IMPORT_NAMES = {"prometheus_client": "prometheus-client", "sklearn": "scikit-learn",
                "yaml": "pyyaml"}  # fmt: skip
MAX_LINES = 300


@cache
def modules() -> dict[str, Path]:
    """Return the file of each module, by dotted name: ``guide_ml.features.memory``."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def part_of(module: str) -> str:
    """Return the part that a module belongs to: ``features`` of ``guide_ml.features.memory``."""
    return module.split(".")[1] if "." in module else "__init__"


def statements(tree: ast.AST, at_import: bool) -> Iterator[ast.AST]:
    """Walk a tree; `at_import` leaves out what importing the module does not run."""
    for node in ast.iter_child_nodes(tree):
        if at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if at_import and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from statements(node, at_import)


def names_in(node: ast.AST, module: str) -> Iterator[str]:
    """Yield the dotted names that an import statement in `module` asks for."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        package = module if modules()[module].name == "__init__.py" else module.rpartition(".")[0]
        above = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join([*(above if node.level else []), *([node.module] if node.module else [])])
        yield from (f"{base}.{alias.name}" for alias in node.names)


@cache
def imports(module: str, at_import: bool = False) -> frozenset[str]:
    """Return what a module imports: modules of the package, top-level names of others."""
    found = set()
    for node in statements(ast.parse(modules()[module].read_text("utf-8")), at_import):
        for name in names_in(node, module):
            if name.split(".")[0] != PACKAGE.name:
                found.add(name.split(".")[0])
                continue
            if name == f"{PACKAGE.name}.__version__":  # a fact, not a way around the layers
                continue
            while name not in modules():  # a function or class: its module
                name = name.rpartition(".")[0]
            found.add(name)
    return frozenset(found - {module})


def reached(roots: set[str]) -> set[str]:
    """Return the modules that importing the parts `roots` loads."""
    todo = [module for module in modules() if part_of(module) in roots]
    seen: set[str] = set()
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            todo += [name for name in imports(module, at_import=True) if name in modules()]
    return seen


@cache
def packages() -> dict[str, set[str]]:
    """Return the packages, and modules of the top, that each of them imports."""
    found: dict[str, set[str]] = {}
    for module in modules():
        if (mine := part_of(module)) not in FACADE:
            others = {part_of(name) for name in imports(module) if name in modules()}
            found.setdefault(mine, set()).update(others - {mine} - FACADE)
    return found


def test_every_package_has_its_place_in_the_order():
    assert set(packages()) == set(ORDER)
    assert len(ORDER) == len(set(ORDER))


def test_imports_follow_the_order():
    place = {name: index for index, name in enumerate(ORDER)}
    upward = [f"{mine} imports {other}" for mine, others in packages().items()
              for other in others if place[other] > place[mine]]  # fmt: skip
    assert not upward


def test_packages_lie_on_few_levels():
    level: dict[str, int] = {}
    for name in TopologicalSorter(packages()).static_order():  # raises CycleError with the cycle
        level[name] = 1 + max((level[other] for other in packages()[name]), default=0)
    assert max(level.values()) <= MAX_LEVELS


@pytest.mark.parametrize("name", sorted(p.parent.name for p in PACKAGE.glob("*/__init__.py")))
def test_a_package_says_what_comes_in_what_goes_out_and_where_to_add(name):
    text = ast.get_docstring(ast.parse((PACKAGE / name / "__init__.py").read_text("utf-8"))) or ""
    assert len(text.splitlines()) > 2
    assert re.search(r"\bIn:", text)
    assert re.search(r"\bOut:", text)
    assert re.search(r"\b[Nn]ew\b", text), "say where something new is added"


def test_no_two_rooms_have_a_file_of_the_room_s_own_name():
    """``explaining/explain.py`` beside ``explain.py`` sends readers to the wrong one."""
    top = {path.stem for path in PACKAGE.glob("*.py")}
    names = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert not top & names


def test_no_module_but_the_facade_imports_the_facade():
    # What is copied into models, and what asks which public names there are.
    outside = {"guide_ml.tracking.served", "guide_ml.web.public"}
    inward = [m for m in modules() if part_of(m) not in FACADE and PACKAGE.name in imports(m)
              and m not in outside]  # fmt: skip
    assert not inward


def test_imports_have_no_cycle():
    graph = {
        module: {name for name in imports(module) if name in modules()}
        for module in modules()
        if part_of(module) not in FACADE
    }
    TopologicalSorter(graph).prepare()  # raises CycleError with the cycle


def test_a_prediction_never_imports_training():
    asked = {part_of(module) for module in modules()} - {"training", "tracking", "cli", *FACADE}
    assert not [name for name in sorted(asked) if "training" in packages()[name]]


def test_a_prediction_loads_neither_training_nor_its_packages():
    loaded = reached(set(SERVING))
    assert set(SERVING) <= {part_of(module) for module in loaded}
    assert "training" not in {part_of(module) for module in loaded}
    heavy = {module: imports(module, at_import=True) & OFFLINE for module in loaded}
    assert not {module: names for module, names in heavy.items() if names}


def test_what_an_extra_brings_is_imported_by_no_other_package_at_start():
    others = [module for module in modules() if part_of(module) not in EXTRAS]
    early = {module: {part_of(name) for name in imports(module, True) if name in modules()}
             for module in others}  # fmt: skip
    assert not {module: parts & EXTRAS for module, parts in early.items() if parts & EXTRAS}


def test_the_facade_loads_nothing_but_the_standard_library_and_errors():
    assert not imports(PACKAGE.name, at_import=True) & {"numpy", "pandas", "guide_ml.api", *OFFLINE}


def test_only_registry_and_tracking_know_mlflow():
    knowing = {part_of(module) for module in modules() if "mlflow" in imports(module)}
    assert knowing <= {"registry", "tracking"}


def test_every_imported_package_is_a_declared_dependency():
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [line for extra in project["optional-dependencies"].values() for line in extra]
    for at_import, lines in ((True, []), (False, extras)):  # extras are imported where needed only
        declared = {re.split(r"[^\w-]", line)[0] for line in [*project["dependencies"], *lines]}
        asked = [module for module in modules() if not (at_import and part_of(module) in EXTRAS)]
        found = set().union(*(imports(module, at_import) for module in asked)) - set(modules())
        spelt = {IMPORT_NAMES.get(name, name) for name in found - sys.stdlib_module_names}
        assert spelt <= declared


def test_files_are_short():
    lines = {str(path): len(path.read_text("utf-8").splitlines()) for path in modules().values()}
    assert not {path: n for path, n in lines.items() if n > MAX_LINES}


def test_the_reader_sees_relative_and_lazy_imports(tmp_path, monkeypatch):
    """The other tests are worth what this reader finds."""
    source = "from . import b\nfrom .c import f\ndef g():\n    import mlflow.sklearn\n"
    files = {"guide_ml.a": tmp_path / "a.py", "guide_ml": tmp_path / "__init__.py"}
    files |= {f"guide_ml.{name}": tmp_path / f"{name}.py" for name in "bc"}
    files["guide_ml.a"].write_text(source, "utf-8")
    monkeypatch.setattr(f"{__name__}.modules", lambda: files)
    read = imports.__wrapped__
    assert read("guide_ml.a") == {"guide_ml.b", "guide_ml.c", "mlflow"}
    assert read("guide_ml.a", at_import=True) == {"guide_ml.b", "guide_ml.c"}
