"""Files of the page: they lie in the package, and say what the documentation says."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "guide_ml/web/static"
#: The chart library is another project's; it comes with its licence and is loaded on demand.
OWN = [p for p in sorted(STATIC.rglob("*")) if p.is_file() and "vendor" not in p.parts]


def test_the_glossary_of_the_page_is_that_of_the_documentation():
    spec = importlib.util.spec_from_file_location("g", ROOT / "experiments/page_glossary.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    told = module.words((ROOT / "docs/glossary.md").read_text("utf-8"))
    assert json.loads((STATIC / "glossary.json").read_text("utf-8"))["words"] == told
    assert {"TTFT", "TPOT", "KV cache", "tokens", "GPU"} <= set(told)


@pytest.mark.parametrize("path", OWN, ids=lambda p: p.name)
def test_nothing_is_fetched_from_elsewhere(path):
    text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.findall(r"(?:https?:)?//[\w-]+\.[\w.-]+", text)
    assert "innerHTML" not in text
    assert "eval(" not in text


def test_the_chart_library_comes_with_its_licence():
    vendor = STATIC / "vendor"
    assert "Apache License" in (vendor / "echarts-LICENSE").read_text("utf-8")
    assert "Apache ECharts" in (vendor / "echarts-NOTICE").read_text("utf-8")
    page = (STATIC / "index.html").read_text("utf-8")
    assert "vendor" not in page


def test_scripts_are_short():
    lines = {p.name: len(p.read_text("utf-8").splitlines()) for p in OWN if p.suffix == ".js"}
    assert lines
    assert not {name: n for name, n in lines.items() if n > 300}
