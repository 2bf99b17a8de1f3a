"""A redacted snapshot names nobody, holds no secret, and is judged like the other."""

import json
from pathlib import Path
from typing import Any

import pytest

from envcheck.doctor import read_snapshot
from envcheck.facts import Snapshot, encode
from envcheck.judge import judge
from envcheck.kb import load
from envcheck.redact import SECRET, redact
from envcheck.rules import RULES
from tests.rules.machine import change, gpu, healthy

KEY = b"this machine's own"
MACHINES = sorted(Path(__file__).parent.joinpath("machines").glob("*.json"))
UUID = "12345678-abcd-ef01-2345-6789abcdef01"


def clean(snapshot: Snapshot, key: bytes = KEY) -> Snapshot:
    return redact(snapshot, key=key, users=("mary.smith", "mary"), host="node17.example.org")


def personal() -> Snapshot:
    return change(
        healthy(),
        python__executable="/home/mary.smith/venv/bin/python",
        python__prefix="/scratch/mary/venv",
        host__os_name="Ubuntu on node17",
        gpus__devices=(gpu(uuid=f"GPU-{UUID}"),),
        environment__variables={
            "CUDA_VISIBLE_DEVICES": "GPU-12345678-ab",
            "HF_TOKEN": "anything",
            "PIP_INDEX_URL": "https://mary:pa55w0rd@pkgs.example.org/simple",
            "NCCL_NOTE": "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
            "TORCH_NOTE": "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZg0123",
            "MASTER_ADDR": "10.11.12.13",
            "LD_LIBRARY_PATH": "/usr/local/cuda-12.1/lib64:/home/mary.smith/lib",
            "TORCH_CUDA_ARCH_LIST": "8.0;9.0",
        },
    )


def text(snapshot: Snapshot) -> str:
    return encode(snapshot).decode()


@pytest.mark.parametrize(
    "secret",
    ["mary", "smith", "node17", "12345678-ab", "anything", "pa55w0rd", "ghp_", "Zm9v", "10.11.12"],
)
def test_nothing_personal_is_left(secret: str) -> None:
    assert secret in text(personal())
    assert secret not in text(clean(personal()))


def test_what_matters_is_kept() -> None:
    variables: dict[str, Any] = json.loads(text(clean(personal())))["environment"]["variables"]
    assert variables["TORCH_CUDA_ARCH_LIST"] == "8.0;9.0"
    assert variables["HF_TOKEN"] == variables["NCCL_NOTE"] == SECRET
    assert variables["PIP_INDEX_URL"] == f"https://{SECRET}@pkgs.example.org/simple"
    assert variables["LD_LIBRARY_PATH"].startswith("/usr/local/cuda-12.1/lib64:/home/user-")


def test_one_name_is_one_pseudonym_in_every_file_of_a_machine() -> None:
    assert text(clean(personal())) == text(clean(personal()))
    assert text(clean(personal())) != text(clean(personal(), key=b"another machine's"))
    assert clean(clean(personal())).python == clean(personal()).python


def test_the_beginning_of_a_uuid_still_names_its_gpu() -> None:
    raw = json.loads(text(clean(personal())))
    uuid = raw["gpus"]["devices"][0]["uuid"]
    begin = raw["environment"]["variables"]["CUDA_VISIBLE_DEVICES"]
    assert uuid.startswith(begin) and len(uuid) == len(f"GPU-{UUID}") and begin != uuid


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_a_redacted_machine_is_judged_like_the_machine(path: Path) -> None:
    machine = read_snapshot(str(path))
    before = judge(machine, load(), RULES)
    after = judge(clean(machine), load(), RULES)
    assert [f.name for f in after.findings] == [f.name for f in before.findings]
    assert after.verdict == before.verdict
