"""The tools, as a client of the official SDK sees them over a pipe."""

import json
import subprocess
import sys
from typing import Any

import anyio
import jsonschema
import msgspec
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from envcheck.facts import encode
from envcheck.mcp.server import server
from envcheck.mcp.tools import tools
from tests.readers.texts import CPU_BUILD_WITH_GPU
from tests.rules.machine import change, healthy


def ask(name: str, **arguments: Any) -> tuple[bool, Any]:
    """Whether the tool failed, and its answer or its words."""

    async def run() -> tuple[bool, Any]:
        async with Client(server(None)) as client:
            result = await client.call_tool(name, arguments)
            if result.is_error:
                return True, "".join(getattr(part, "text", "") for part in result.content)
            return False, result.structured_content

    return anyio.run(run)


def answer(name: str, **arguments: Any) -> Any:
    failed, said = ask(name, **arguments)
    assert not failed, said
    schema = next(tool.answers for tool in tools() if tool.name == name)
    jsonschema.validate(said, schema)
    return said


def test_a_pasted_report_is_judged() -> None:
    report = answer("doctor", report=CPU_BUILD_WITH_GPU)
    assert [finding["name"] for finding in report["findings"]] == ["cpu_only_build"]


def test_a_snapshot_is_judged() -> None:
    good = json.loads(encode(healthy()))
    assert answer("doctor", snapshot=good)["verdict"] == "fit"
    bad = json.loads(encode(change(healthy(), driver__version="450.80.02")))
    names = {finding["name"] for finding in answer("doctor", snapshot=bad)["findings"]}
    assert "driver_too_old" in names
    assert answer("doctor", snapshot=bad, select=["HST"])["findings"] == []


def test_this_machine_is_judged() -> None:
    assert answer("doctor")["snapshot"]["host"]["kind"] == "host"


def test_compat_names_builds() -> None:
    found = answer("compat", gpu=["H100"], driver="535.104.05", python="3.11")
    assert found["best"]["verdict"] and found["best"]["torch"]


def test_explain_knows_errors_and_checks() -> None:
    text = "ImportError: libtorch_cpu.so: undefined symbol: iJIT_NotifyEvent"
    assert answer("explain", text=text)["matches"][0]["name"] == "mkl_too_new"
    assert "PTX" in answer("explain", code="arch_not_in_build")["page"]


def test_builds_is_the_matrix() -> None:
    rows = answer("builds", torch="2.4.0", cuda="12.1", platform="linux-x86_64")["builds"]
    assert len(rows) == 1 and "sm_90" in rows[0]["sass"]


def test_inspect_reads_a_library() -> None:
    found = answer("inspect", paths=[str(msgspec._core.__file__)])
    assert found["targets"] and "_core" in json.dumps(found)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("doctor", {"report": "hello"}, "no report was recognised"),
        ("doctor", {"report": "x", "snapshot": {}}, "not both"),
        ("doctor", {"snapshot": {"schema_version": 99}}, "update envcheck"),
        ("doctor", {"python": "/bin/sh"}, "python"),
        ("doctor", {"select": ["nonsense"]}, "nonsense"),
        ("compat", {"gpu": ["Voodoo 2"]}, "no such GPU"),
        ("compat", {"gpu": 7}, "gpu"),
        ("explain", {}, "a code or a text"),
        ("explain", {"code": "XYZ999"}, "XYZ999"),
        ("inspect", {"paths": ["/nowhere"]}, "/nowhere"),
        ("shell", {"command": "id"}, "no tool"),
    ],
)
def test_wrong_questions_get_a_sentence(name: str, arguments: dict[str, Any], said: str) -> None:
    failed, words = ask(name, **arguments)
    assert failed and said in words and "Traceback" not in words


def test_the_command_serves_over_a_pipe() -> None:
    async def run() -> tuple[set[str], bool, str]:
        command = StdioServerParameters(command=sys.executable, args=["-m", "envcheck", "mcp"])
        async with Client(command) as client:
            listed = await client.list_tools()
            called = await client.call_tool("explain", {"code": "DRV002"})
            only_read = all(
                tool.annotations is not None and tool.annotations.read_only_hint
                for tool in listed.tools
            )
            return {tool.name for tool in listed.tools}, only_read, str(called.structured_content)

    names, only_read, page = anyio.run(run)
    assert names == {"doctor", "compat", "explain", "inspect", "builds"} and only_read
    assert "driver_too_old" in page


def test_without_the_extra_it_says_which() -> None:
    code = (
        "import sys; sys.modules['mcp'] = sys.modules['mcp_types'] = None;"
        "sys.argv = ['envcheck', 'mcp']; from envcheck.__main__ import main; main()"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 2 and "pip install mcp" in ran.stderr
