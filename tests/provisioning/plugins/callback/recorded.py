"""Writes each task's outcome as a line of JSON, for the tests to read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: recorded
type: notification
short_description: outcomes as JSON lines
description: Appends to the file that RECORDED_TO names.
author: envcheck
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """One line an outcome: task, host, status, changed, msg."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "recorded"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, status: str, result: Any) -> None:
        values = result.result
        failed = [one for one in values.get("results", ()) if one.get("failed")]
        said = failed[0] if failed else values
        line = {
            "host": result.host.get_name(),
            "task": result.task.get_name(),
            "status": status,
            "changed": bool(values.get("changed")),
            "msg": str(said.get("msg") or said.get("stderr") or ""),
        }
        with Path(os.environ["RECORDED_TO"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._write("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._write("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._write("skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._write("unreachable", result)
