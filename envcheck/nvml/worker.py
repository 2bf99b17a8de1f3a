"""The worker process: one JSON request a line on stdin, one JSON answer a line on stdout.

Must start quickly and must not outlive its parent. It is killed whenever a call hangs, so it keeps
nothing that matters. Request: {"op": ..., other keys as the operation's arguments}; answer:
{"value": ...}, {"error": an NvmlError} or {"broken": text}.
"""

import json
import os
import select
import sys
import threading
from collections.abc import Callable
from typing import Any


def main() -> None:
    """Arguments: descriptor of the progress file, path of the NVML library (empty: by soname)."""
    progress, library_path = int(sys.argv[1]), sys.argv[2]
    # Libraries that print to stdout must not spoil the answers: give them stderr instead.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        answer = _connect(progress, library_path)
    except Exception as error:  # nvidia-ml-py is missing or broken: say so to every request
        answer = _failing(error)
    for line in sys.stdin.buffer:
        try:
            reply = answer(json.loads(line))
        except Exception as error:
            reply = _broken(error)
        answers.write(json.dumps(reply).encode() + b"\n")
        answers.flush()


def _connect(progress: int, library_path: str) -> Callable[[dict[str, Any]], dict[str, object]]:
    """The function from request to answer, with the table of operations."""
    from envcheck.nvml.fields import read_fields
    from envcheck.nvml.queries import read_calls
    from envcheck.nvml.reads import Nvml, ReadError
    from envcheck.nvml.telemetry import Xids, watch, xids

    calls = 0

    def announce(call: str, gpu: int) -> None:
        nonlocal calls
        calls += 1
        os.pwrite(progress, f"{calls} {gpu} {call}\n".encode(), 0)

    nvml = Nvml(announce, library_path)
    events = Xids(nvml)
    operations: dict[str, Callable[..., object]] = {
        "open": nvml.open,
        "avoid": nvml.avoid,
        "calls": lambda gpu, wanted: read_calls(nvml, gpu, wanted),
        "read": lambda gpu, fields: read_fields(nvml, gpu, fields),
        "watch": lambda **what: watch(nvml, **what),
        "xids": lambda gpus: xids(events, gpus, nvml.calls),
    }

    def answer(request: dict[str, Any]) -> dict[str, object]:
        try:
            return {"value": operations[request.pop("op")](**request)}
        except ReadError as error:
            return {"error": error.plain()}

    return answer


def _failing(error: Exception) -> Callable[[dict[str, Any]], dict[str, object]]:
    reply = _broken(error)
    return lambda _: reply


def _broken(error: Exception) -> dict[str, object]:
    return {"broken": f"{type(error).__name__}: {error}"}


def _end_with_parent() -> None:
    """Ends this process when the parent's end of stdin is gone, even while a call hangs.

    PR_SET_PDEATHSIG would fire when the parent's *thread* ends; ctypes lets this thread run on.
    """
    hangup = select.poll()
    hangup.register(0, 0)
    hangup.poll()
    os._exit(0)
