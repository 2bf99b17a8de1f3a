"""Writes what envcheck finds of this node as a node condition and a label, again and again.

Runs in ci/kubernetes/daemonset.yaml with the standard library alone. Must not judge by itself.
"""

import json
import os
import shlex
import signal
import ssl
import subprocess
import sys
import threading
import urllib.request
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

CONDITION = "EnvcheckUnfit"
LABEL = "envcheck/fit"
FIT = {"False": "true", "True": "false", "Unknown": "unknown"}  # of the condition: of the label
ACCOUNT = Path(os.environ.get("SERVICE_ACCOUNT", "/var/run/secrets/kubernetes.io/serviceaccount"))
MESSAGE = 1000  # characters
TIME_LIMIT = 60  # seconds of one examination, and of one request


def judge() -> dict[str, str]:
    """Status, reason and message of the condition. What nobody judged is Unknown, never False."""
    command = ["envcheck", *shlex.split(os.environ["ENVCHECK_COMMAND"]), "--format=json"]
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=TIME_LIMIT
        )
        report = json.loads(ran.stdout) if ran.returncode in (0, 1, 3) else None
    except subprocess.TimeoutExpired:
        return condition("Unknown", "NotJudged", f"no answer within {TIME_LIMIT} seconds")
    except (OSError, ValueError) as error:
        return condition("Unknown", "NotJudged", f"{command[0]}: {error}")
    if report is None or ran.returncode == 3:
        return condition("Unknown", "NotJudged", ran.stderr.strip() or "could not be checked")
    if ran.returncode == 0:
        return condition("False", "NothingFound", "envcheck has nothing against this node")
    worst = report["findings"]
    said = [f"{one['code']} {one['name']} [{one['subject']}]: {one['message']}" for one in worst]
    return condition("True", worst[0]["code"], " ".join(said))


def condition(status: str, reason: str, message: str) -> dict[str, str]:
    return {"type": CONDITION, "status": status, "reason": reason, "message": message[:MESSAGE]}


def write(found: dict[str, str]) -> None:
    """Patch the condition and the label into the node's status, the only thing RBAC allows.

    Raises:
        OSError: the API server cannot be reached, or refuses.
    """
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    before = request("GET").get("status", {}).get("conditions", [])
    old: dict[str, str] = next((one for one in before if one["type"] == CONDITION), {})
    changed = old.get("status") != found["status"]
    since = now if changed else old.get("lastTransitionTime", now)
    stamped = {**found, "lastHeartbeatTime": now, "lastTransitionTime": since}
    request(
        "PATCH",
        {
            "metadata": {"labels": {LABEL: FIT[found["status"]]}},
            "status": {"conditions": [stamped]},  # merged by type: the kubelet's stay
        },
    )
    if changed:
        print(f"{CONDITION}={found['status']} {found['reason']}: {found['message']}", flush=True)


def request(method: str, body: dict[str, Any] | None = None) -> Any:
    """This node's status, after the patch where there is one."""
    host = os.environ["KUBERNETES_SERVICE_HOST"]
    host = f"[{host}]" if ":" in host else host
    node = f"{host}:{os.environ['KUBERNETES_SERVICE_PORT']}/api/v1/nodes/{os.environ['NODE_NAME']}"
    asked = urllib.request.Request(
        f"https://{node}/status",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            # read each time: the kubelet renews it
            "Authorization": f"Bearer {(ACCOUNT / 'token').read_text().strip()}",
            "Content-Type": "application/strategic-merge-patch+json",
        },
    )
    trusted = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusted)
    )
    with opener.open(asked, timeout=TIME_LIMIT) as answer:
        return json.load(answer)


def main() -> int:
    """Once with --once, else every INTERVAL seconds until told to stop."""
    stop = threading.Event()
    # the first process of a container is not ended by a signal it does not handle
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    while True:
        code = 0
        try:
            write(judge())
        except (OSError, ValueError) as error:  # also refusals, which urllib counts among OSError
            code = 1
            print(f"the API server: {error}", file=sys.stderr, flush=True)
        if "--once" in sys.argv or stop.wait(float(os.environ.get("INTERVAL", "300"))):
            return code


if __name__ == "__main__":
    sys.exit(main())
