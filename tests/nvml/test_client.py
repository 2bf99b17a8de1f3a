"""The worker process: what it imports, how it dies, what it leaves behind."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from envcheck.nvml.client import NvmlClient, WorkerFailure
from envcheck.nvml.inventory import Opened, read_inventory
from envcheck.nvml.readings import Inventory, NvmlError
from tests.nvml.conftest import Fleet

HANG = {"gpu": 1, "fn": "nvmlDeviceGetPowerUsage", "hang": True}

# Prints the worker's process id once its call hangs: the simulated driver then makes a file.
ASK_FOR_EVER = """
import os, signal, psutil
from envcheck.nvml.client import NvmlClient

def tell(*_):
    if os.path.exists(os.environ["NVMLSTUB_FLEET"] + ".wedged"):
        signal.setitimer(signal.ITIMER_REAL, 0)  # a second alarm would interrupt the printing
        print(psutil.Process().children()[0].pid, flush=True)

signal.signal(signal.SIGALRM, tell)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
client = NvmlClient()
client.request("open", dict)
client.request("read", dict, timeout_s=1000, gpu=1, fields=["power_mw"])
"""


def test_after_a_hang_a_new_worker_serves(simulated: Fleet) -> None:
    with NvmlClient(10, env=simulated(2, faults=[HANG])) as client:
        assert isinstance(client.request("open", Opened), Opened)
        hung = client.request("read", dict[str, Any], stall_s=0.2, gpu=1, fields=["power_mw"])
        assert isinstance(hung, WorkerFailure)
        assert (hung.kind, hung.gpu, hung.call) == ("hung", 1, "nvmlDeviceGetPowerUsage")
        assert isinstance(client.request("open", Opened), Opened)
        read = client.request("read", dict[str, Any], gpu=1, fields=["temperature_c"])
        assert read == {"temperature_c": 35}


def test_slow_calls_that_go_on_are_no_stall(simulated: Fleet) -> None:
    env = simulated(1, latency_us={"*": 60_000})
    with NvmlClient(10, env=env) as client:
        client.request("open", Opened)
        fields = ["uuid", "name", "serial", "vbios", "power_mw", "pcie_gen", "pcie_width"]
        read = client.request("read", dict[str, Any], stall_s=0.25, gpu=0, fields=fields)
        assert isinstance(read, dict)
        assert set(read) == set(fields)


def test_limit_of_the_whole_request(simulated: Fleet) -> None:
    with NvmlClient(10, env=simulated(2, faults=[HANG])) as client:
        client.request("open", Opened)
        read = client.request("read", dict[str, Any], timeout_s=0.1, gpu=1, fields=["power_mw"])
        assert isinstance(read, WorkerFailure)
        assert read.kind == "hung"


def test_a_worker_that_cannot_end_itself_is_killed(simulated: Fleet) -> None:
    with NvmlClient(10, env=simulated(1)) as client:
        client.request("open", Opened)
        (worker,) = psutil.Process().children()
        worker.suspend()
        read = client.request("read", dict[str, Any], timeout_s=0.1, gpu=0, fields=["name"])
        assert isinstance(read, WorkerFailure)
    _, left = psutil.wait_procs([worker], timeout=5)
    assert not left


def test_error_of_a_request_leaves_the_worker_in_service(simulated: Fleet) -> None:
    with NvmlClient(10, env=simulated(1)) as client:
        client.request("open", Opened)
        absent = client.request("read", dict[str, Any], gpu=7, fields=["name"])
        assert absent == NvmlError(2, "INVALID_ARGUMENT", "nvmlDeviceGetHandleByIndex")
        assert isinstance(client.request("read", dict[str, Any], gpu=0, fields=["name"]), dict)


@pytest.mark.parametrize("request_", [{"op": "nonsense"}, {"op": "read", "rubbish": 1}])
def test_a_request_it_does_not_know(simulated: Fleet, request_: dict[str, Any]) -> None:
    with NvmlClient(10, env=simulated(1)) as client:
        failure = client.request(request_.pop("op"), Opened, **request_)
        assert isinstance(failure, WorkerFailure)
        assert failure.kind == "broken"


def test_an_answer_of_another_shape(simulated: Fleet) -> None:
    with NvmlClient(10, env=simulated(1)) as client:
        failure = client.request("open", list[int])
        assert isinstance(failure, WorkerFailure)
        assert failure.detail.startswith("unreadable answer")


def test_no_process_to_be_had(simulated: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    env = simulated(1)
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with NvmlClient(10, env=env) as client:
        failure = client.request("open", Opened)
        assert isinstance(failure, WorkerFailure)
        assert failure.kind == "broken"


def test_descriptors_are_given_back(simulated: Fleet) -> None:
    env = simulated(2, faults=[HANG])
    before = os.listdir("/proc/self/fd")
    client = NvmlClient(10, env=env)
    for _ in range(3):
        client.request("open", Opened)
        client.request("read", dict[str, Any], timeout_s=0.05, gpu=1, fields=["power_mw"])
    client.request("open", Opened)
    client.close()
    assert os.listdir("/proc/self/fd") == before


def test_worker_ends_with_its_parent_even_in_a_hung_call(simulated: Fleet) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", ASK_FOR_EVER],
        stdout=subprocess.PIPE,
        env=simulated(2, faults=[{**HANG, "wedge": True}]),
    )
    with parent:
        assert parent.stdout
        worker = os.pidfd_open(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
    ended = select.poll()
    ended.register(worker, select.POLLIN)
    assert ended.poll(10_000)
    os.close(worker)


def test_worker_is_not_in_the_terminals_process_group(simulated: Fleet) -> None:
    with NvmlClient(10, env=simulated(1)) as client:
        client.request("open", Opened)
        (worker,) = psutil.Process().children()
        assert os.getpgid(worker.pid) != os.getpgid(0)  # Ctrl-C reaches the parent alone


def test_a_users_own_json_py_is_not_run(
    simulated: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = {**simulated(1), "PYTHONPATH": str(tmp_path)}
    (tmp_path / "json.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), *sys.path])
    assert isinstance(read_inventory(10, env=env), Inventory)


def modules_after(statement: str) -> set[str]:
    script = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    return set(done.stdout.split())


def test_the_parent_never_imports_pynvml() -> None:
    modules = modules_after("import envcheck.nvml.inventory")
    assert "envcheck.nvml.client" in modules
    assert not {"pynvml", "ctypes", "asyncio"} & modules


def test_the_worker_imports_little() -> None:
    modules = modules_after("import envcheck.nvml.worker, envcheck.nvml.fields")
    assert "pynvml" in modules
    assert not {"msgspec", "typer", "rich", "asyncio", "inspect"} & modules
