"""The matrix: filters, how a build runs on each GPU, and every format of it."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from envcheck.builds import Table, cell, pythons, select, tables
from envcheck.errors import UsageError
from envcheck.kb import Knowledge, load
from envcheck.kb.builds import Build
from envcheck.render.matrix import render
from envcheck.render.matrix_data import render_csv, render_json, render_markdown
from envcheck.render.style import Style
from tests.make_docs import ROOT
from tests.test_cli import run

ROW = """
[[build]]
torch = "9.9.0"
cuda = "12.4"
platform = "{platform}"
sass = ["sm_80"]
partial = ["sm_90"]
ptx = []
method = "fatbins"
source = "wheel"
checked = 2026-11-21
kind = "measured"
"""


@pytest.fixture(scope="module")
def kb() -> Knowledge:
    return load()


def of(kb: Knowledge, torch: str, cuda: str, platform: str = "linux-x86_64") -> Build:
    (build,) = select(kb, torch=torch, cuda=cuda, platform=platform)
    return build


# ---- filters ---------------------------------------------------------------------------------


def test_without_filters_every_build_is_there(kb: Knowledge) -> None:
    assert select(kb) == kb.builds.rows


@pytest.mark.parametrize(
    ("torch", "releases"),
    [
        ("2.4.0", {"2.4.0"}),
        ("2.4", {"2.4.0", "2.4.1"}),
        ("2.4.*", {"2.4.0", "2.4.1"}),
        ("==2.4.1", {"2.4.1"}),
        ("torch==2.4.1", {"2.4.1"}),
        (">=2.14,<2.15", {"2.14.0", "2.14.1"}),
        ("99", set()),
    ],
)
def test_releases(kb: Knowledge, torch: str, releases: set[str]) -> None:
    assert {build.torch for build in select(kb, torch=torch)} == releases


@pytest.mark.parametrize(
    ("cuda", "found"),
    [
        ("12.1", {"12.1"}),
        ("cu121", {"12.1"}),
        ("12", {"12.1", "12.4"}),
        ("cpu", {None}),
        ("13.0", set()),
    ],
)
def test_cuda(kb: Knowledge, cuda: str, found: set[str | None]) -> None:
    assert {build.cuda for build in select(kb, torch="2.4.0", cuda=cuda)} == found


def test_13_0_is_not_every_13(kb: Knowledge) -> None:
    assert {build.cuda for build in select(kb, cuda="13.0")} == {"13.0"}


@pytest.mark.parametrize(
    ("gpu", "torch", "cuda"),
    [
        (["V100"], ">=2.8", {"12.6", "12.8", "12.9"}),
        (["V100", "RTX 5090"], "2.10", {"12.8", "12.9"}),
        (["GTX 1080 Ti"], "2.15", set()),
        (["RTX 4090"], "2.0.0", {"11.7", "11.8"}),
    ],
)
def test_gpus_all_must_run(kb: Knowledge, gpu: list[str], torch: str, cuda: set[str]) -> None:
    found = select(kb, torch=torch, gpus=gpu, platform="linux-x86_64")
    assert {build.cuda for build in found} == cuda


def test_sm_and_gpu_say_the_same(kb: Knowledge) -> None:
    assert select(kb, sms=["9.0"]) == select(kb, sms=["sm_90"]) == select(kb, gpus=["H100"])


def test_only_some_kernels_is_not_enough(tmp_path: Path) -> None:
    kb = partial(tmp_path)
    assert select(kb, torch="9.9.0", sms=["8.0"])
    assert not select(kb, torch="9.9.0", sms=["9.0"])


def test_kind(kb: Knowledge) -> None:
    assert {build.kind for build in select(kb, kind="measured")} == {"measured"}


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"torch": "latest"}, "write 2.4.0"),
        ({"torch": "2.x"}, "write 2.4.0"),
        ({"cuda": "new"}, "write 12.1"),
        ({"sms": ["ninety"]}, "write 9.0"),
        ({"sms": ["55.5"]}, "is not known"),
        ({"gpus": ["H10O"]}, "did you mean"),
        ({"gpus": ["Voodoo 3"]}, "--sm"),
    ],
)
def test_filters_that_mean_nothing(kb: Knowledge, filters: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        select(kb, **filters)


# ---- the table -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "sm", "how"),
    [
        (("2.4.0", "12.1"), "9.0", "native"),
        (("2.4.0", "12.1"), "8.9", "binary"),
        (("2.4.0", "12.1"), "6.1", "binary"),
        (("2.4.0", "12.1"), "12.0", "no"),
        (("2.10.0", "12.8"), "7.0", "native"),
        (("2.11.0", "13.0"), "7.0", "no"),
        (("2.10.0", "13.0"), "12.1", "binary"),
        (("2.4.0", "11.8", "windows-x86_64"), "12.0", "ptx"),
        (("2.15.0", "13.2"), "8.7", "no"),
        (("2.15.0", "13.2", "linux-aarch64"), "8.7", "binary"),
        (("2.15.0", "13.2", "linux-aarch64"), "11.0", "native"),
    ],
)
def test_how_a_build_runs(kb: Knowledge, build: tuple[str, ...], sm: str, how: str) -> None:
    arch = kb.gpus.arch(sm)
    assert arch is not None
    assert cell(of(kb, *build), arch, kb) == how


def test_only_some_kernels(tmp_path: Path) -> None:
    kb = partial(tmp_path)
    (table,) = tables(select(kb, torch="9.9.0"), kb)
    assert table.rows[0].cells["9.0"] == "partial"
    assert "~ only some kernels" in render((table,), Style())


def partial(folder: Path) -> Knowledge:
    (folder / "builds").mkdir()
    text = ROW.format(platform="linux-x86_64") + '[sources]\nwheel = "the wheel"\n'
    (folder / "builds/9.9.0.toml").write_text(text)
    return load(folder)


def test_tables_show_the_newest_first_and_only_columns_with_something(kb: Knowledge) -> None:
    linux, arm, windows = tables(select(kb, torch=">=2.10,<2.12"), kb)
    assert [t.platform for t in (linux, arm, windows)] == [
        "linux-x86_64", "linux-aarch64", "windows-x86_64",
    ]  # fmt: skip
    assert [(row.build.torch, row.build.cuda) for row in linux.rows][:2] == [
        ("2.11.0", "13.0"),
        ("2.11.0", "12.8"),
    ]
    families = {family.name: family.sms for family in linux.families}
    assert "Kepler" not in families
    assert families["Ampere"] == ("8.0", "8.6")
    assert families["Blackwell"] == ("10.0", "10.3", "12.0", "12.1"), "no Jetson, no old name"


@pytest.mark.parametrize(
    ("python", "text"),
    [
        ((), ""),
        (("3.9",), "3.9"),
        (("3.9", "3.10", "3.11"), "3.9–3.11"),
        (("3.10", "3.13", "3.13t", "3.14t"), "3.10–3.13, 3.13t, 3.14t"),
    ],
)
def test_python_ranges(kb: Knowledge, python: tuple[str, ...], text: str) -> None:
    import msgspec

    build = msgspec.structs.replace(of(kb, "2.4.0", "12.1"), python=python)
    assert pythons(build) == text


# ---- formats ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def everything(kb: Knowledge) -> tuple[Table, ...]:
    return tables(select(kb), kb)


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_the_table_folds_to_the_terminal(everything: tuple[Table, ...], width: int) -> None:
    text = render(everything, Style(width=width))
    assert max(map(len, text.splitlines())) <= width
    for table in everything:
        for family in table.families:
            assert family.name in text


def test_cells_stand_under_their_columns(kb: Knowledge) -> None:
    text = render(tables(select(kb, torch="2.4.0", platform="linux-x86_64"), kb), Style())
    _, heads, *rows = text.splitlines()
    row = next(row for row in rows if row.startswith("2.4.0   12.1*"))
    marks = {sm: row[heads.index(sm)] for sm in ("3.7", "6.0", "6.1", "8.6", "8.9", "9.0")}
    assert marks == {"3.7": "·", "6.0": "●", "6.1": "○", "8.6": "●", "8.9": "○", "9.0": "●"}


def test_ascii_and_colour(kb: Knowledge) -> None:
    shown = tables(select(kb, torch="2.4.0"), kb)
    assert render(shown, Style(unicode=False)).isascii()
    coloured = render(shown, Style(colour=True))
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == render(shown, Style())


def test_nothing_fits() -> None:
    assert render((), Style()) == "No build known fits.\n"


def test_json(kb: Knowledge) -> None:
    rows = json.loads(render_json(select(kb)))
    assert len(rows) == len(kb.builds)
    for row in rows:
        assert set(row) >= {
            "torch", "cuda", "platform", "python", "sass", "partial", "ptx", "cudnn", "nccl",
            "triton", "manylinux", "glibc", "source", "checked", "method",
        }  # fmt: skip
        assert all(re.fullmatch(r"sm_\d+[af]?", name) for name in row["sass"] + row["partial"])
        assert all(re.fullmatch(r"compute_\d+[af]?", name) for name in row["ptx"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["checked"])
    assert {row["cuda"] for row in rows} >= {None, "11.8", "13.2"}
    jsonschema.validate(rows, json.loads((ROOT / "envcheck/schema/builds.json").read_text()))


def test_csv(kb: Knowledge) -> None:
    rows = list(csv.DictReader(io.StringIO(render_csv(select(kb, torch="2.4.0")))))
    linux = next(row for row in rows if (row["cuda"], row["platform"]) == ("12.1", "linux-x86_64"))
    assert linux["sass"] == "sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90"
    assert (linux["cudnn"], linux["kind"]) == ("9.1.0.70", "measured")


def test_markdown(kb: Knowledge) -> None:
    text = render_markdown(tables(select(kb, torch="2.13.0"), kb))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines[: 2 + 3]}) == 1
    assert "| **2.13.0** | 13.0 | 3.10–3.14, 3.14t |" in text
    assert "documented ptx: compute_120" in text.partition("## Where documents say")[2]


# ---- the command -----------------------------------------------------------------------------


def test_the_command_prints_the_matrix() -> None:
    ran = run("builds", "--torch", "2.4.0", "--platform", "linux-x86_64")
    assert ran.returncode == 0 and "2.4.0   12.1*" in ran.stdout and not ran.stderr


@pytest.mark.parametrize("fmt", ["json", "csv", "markdown"])
def test_the_formats(fmt: str) -> None:
    ran = run("builds", "--torch", "2.4.0", "--format", fmt)
    assert ran.returncode == 0 and "cu" in ran.stdout.lower()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--gpu", "Voodoo 3"), "Voodoo 3"),
        (("--torch", "x"), "--torch x"),
        (("--platform", "amiga"), "amiga"),
        (("harvest",), "which release"),
        (("harvest", "numpy"), "only torch"),
    ],
)
def test_bad_usage(arguments: tuple[str, ...], said: str) -> None:
    ran = run("builds", *arguments)
    assert ran.returncode == 2
    assert said in ran.stderr and "Traceback" not in ran.stderr and not ran.stdout
