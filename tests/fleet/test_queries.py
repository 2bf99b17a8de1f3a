"""The queries of docs/fleet.md, on lines that `envcheck fleet` writes."""

import re
from pathlib import Path

import duckdb
import pytest
from prometheus_client.parser import text_string_to_metric_families

from envcheck.fleet.run import judge_fleet
from envcheck.render.fleet_data import render_lines, render_prometheus

MACHINES = Path(__file__).parent.parent / "machines"
DOCS = (Path(__file__).parent.parent.parent / "docs" / "fleet.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", DOCS, re.DOTALL)


def test_duckdb_answers_the_documented_queries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fleet = judge_fleet([str(MACHINES)])
    Path("fleet.jsonl").write_text(render_lines(fleet))
    connection = duckdb.connect()
    drivers, packages = (connection.execute(query).fetchall() for query in QUERIES)
    assert sum(count for _, count in drivers) == len(fleet.machines)
    assert (
        "550.54.15",
        sum(m.traits.get("driver.version") == "550.54.15" for m in fleet.machines),
    ) in drivers
    old = {
        m.host
        for m in fleet.machines
        if m.traits.get("python.distributions.numpy", "").startswith("1.")
    }
    assert {row[0] for row in packages} == old and old


def test_prometheus_reads_the_metrics() -> None:
    fleet = judge_fleet([str(MACHINES)])
    families = {f.name: f for f in text_string_to_metric_families(render_prometheus(fleet))}
    fit = families["envcheck_machine_fit"].samples
    assert len(fit) == len(fleet.machines)
    assert sum(sample.value for sample in fit) == fleet.verdicts["fit"]
    codes = {sample.labels["code"] for sample in families["envcheck_finding"].samples}
    assert codes == {problem.code for problem in fleet.problems}
    for name in re.findall(
        r"envcheck_\w+", "".join(re.findall(r"```promql\n(.*?)```", DOCS, re.S))
    ):
        assert name in families
