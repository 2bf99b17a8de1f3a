"""The dashboard asks for nothing that the exporter does not give; its panels do not overlap."""

import itertools
import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import msgspec

from envcheck.watch.prometheus import Exporter
from envcheck.watch.tick import GpuTick, Unread
from tests.watch.ticks import gpu, tick

DASHBOARD: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs/grafana/envcheck-gpus.json").read_text(encoding="utf-8")
)
SAMPLE = re.compile(r"^(\w+)\{(.*)\} ", re.MULTILINE)


def readable() -> GpuTick:
    """A GPU of which every value can be read."""
    one = gpu()
    numbers = {
        name: 1 for name in GpuTick.__struct_fields__ if isinstance(getattr(one, name), Unread)
    }
    return msgspec.structs.replace(one, **numbers)


def emitted() -> dict[str, set[str]]:
    """Metric → its labels."""
    with Exporter(":0") as exporter:
        exporter.update(tick(readable()))
        with urllib.request.urlopen(exporter.address, timeout=10) as answer:
            text = answer.read().decode()
    return {name: set(re.findall(r"(\w+)=", labels)) for name, labels in SAMPLE.findall(text)}


def expressions() -> list[str]:
    targets = (target for panel in DASHBOARD["panels"] for target in panel["targets"])
    return [target["expr"] for target in targets]


def asked(expression: str) -> set[str]:
    """The metrics of an expression: all its names that are not called, nor labels."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", expression)
    words = set(re.findall(r"\b[A-Za-z_]\w*\b(?!\s*\()", bare))
    return words - {"or"}


def test_every_metric_is_emitted() -> None:
    known = emitted()
    queries = expressions()
    assert len(queries) > 20
    for expression in queries:
        assert asked(expression), expression
        assert asked(expression) <= set(known), expression


def test_every_label_is_emitted() -> None:
    known = emitted()
    for expression in expressions():
        for name, matchers in re.findall(r"(\w+)\{([^}]*)\}", expression):
            assert set(re.findall(r"(\w+)=~", matchers)) <= known[name]
    for target in (target for panel in DASHBOARD["panels"] for target in panel["targets"]):
        used = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert used <= known["DCGM_FI_DEV_GPU_UTIL"]
    for variable in DASHBOARD["templating"]["list"][1:]:
        found = re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", variable["query"])
        assert found
        assert found[2] in known[found[1]]


def test_panels_do_not_overlap() -> None:
    cells = [
        set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        for at in (panel["gridPos"] for panel in DASHBOARD["panels"])
    ]
    assert all(not one & other for one, other in itertools.combinations(cells, 2))
    assert max(column for place in cells for column, _ in place) == 23
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(cells)
