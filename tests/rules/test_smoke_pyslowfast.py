"""Rules about proofs of a PySlowFast checkout."""

import pytest

from envcheck.facts import Snapshot, Trial, Trials, absent
from envcheck.facts.trial import Status
from tests.rules.machine import change, fires, healthy, not_applicable, passes, report

REPO = Trial(
    name="checkout", check="repo", status="ok", device="cpu",
    details={"path": "/home/me/Slow Fast", "cfg": "/home/me/a.yaml"},
)  # fmt: skip
SIX = "ModuleNotFoundError: No module named 'torch._six'"


def trial(
    check: str,
    detail: str = "",
    status: Status = "failed",
    more: dict[str, str] | None = None,
) -> Trial:
    reason = "import_error" if status == "failed" else ""
    return Trial(
        name=f"import {detail}", check=check, status=status, reason=reason, detail=detail,
        device="cpu", details={"place": "slowfast/x.py:7", **(more or {})},
    )  # fmt: skip


def proved(*trials: Trial) -> Snapshot:
    return change(healthy(), trials=Trials(target="pyslowfast", trials=(REPO, *trials)))


def test_a_known_incompatibility() -> None:
    found = fires("pyslowfast_incompatible", proved(trial("repo_import", SIX)))
    assert found.message.startswith("slowfast/x.py:7: ModuleNotFoundError")
    assert found.remedy and found.remedy.safety == "manual"
    assert "'/home/me/Slow Fast'/slowfast/datasets/multigrid_helper.py" in found.remedy.commands[0]
    passes("pyslowfast_incompatible", proved(trial("repo_import", status="ok")))
    not_applicable("pyslowfast_incompatible", healthy())


def test_the_same_problem_met_twice_is_one_finding() -> None:
    gone = "ImportError: cannot import name '{}' from 'pytorchvideo.layers.distributed' (x.py)"
    trials = [trial("repo_import", gone.format(name)) for name in ("cat_all_gather", "b", "b")]
    assert len(fires("pyslowfast_incompatible", proved(*trials)).evidence) == 2


def test_what_another_package_raised_is_not_patched_in_the_checkout() -> None:
    detail = "AttributeError: module 'numpy' has no attribute 'bool'"
    outside = {"raised in": "pytorchvideo/data/utils.py"}
    found = fires("pyslowfast_incompatible", proved(trial("repo_import", detail, more=outside)))
    assert found.remedy and "/home/me" not in str(found.remedy.commands)


def test_packages_that_are_missing() -> None:
    missing = [
        trial("repo_import", f"ModuleNotFoundError: No module named '{name}'")
        for name in ("cv2", "sklearn", "fairscale")
    ]
    found = fires("pyslowfast_packages_missing", proved(*missing))
    assert found.message == "cv2, sklearn, fairscale are not installed for this Python."
    assert found.remedy and found.remedy.commands == (
        "/venv/bin/python -m pip install opencv-python-headless scikit-learn fairscale",
    )
    passes("pyslowfast_packages_missing", proved(trial("repo_import", SIX)))
    not_applicable("pyslowfast_packages_missing", healthy())


def test_torchvision_is_missing_and_torch_is_not_known() -> None:
    detail = "ModuleNotFoundError: No module named 'torchvision'"
    machine = change(proved(trial("repo_import", detail)), torch=absent("not there"))
    found = fires("pyslowfast_packages_missing", machine)
    assert found.remedy and found.remedy.commands == ()


def test_an_error_that_is_hidden_is_a_warning() -> None:
    found = fires("pyslowfast_incompatible", proved(trial("repo_optional", SIX)))
    assert found.severity == "warning" and "hides" in found.message
    both = proved(trial("repo_optional", SIX), trial("repo_import", f"{SIX} "))
    assert fires("pyslowfast_incompatible", both).severity == "error"


def test_an_error_nobody_knows() -> None:
    found = fires("pyslowfast_fails", proved(trial("repo_build", "ValueError: odd")))
    assert found.message == "import ValueError: odd failed: slowfast/x.py:7: ValueError: odd."
    passes("pyslowfast_fails", proved(trial("repo_import", SIX)))
    passes("pyslowfast_fails", proved(trial("repo_build", status="skipped")))
    not_applicable("pyslowfast_fails", healthy())


def test_a_model_that_ran_with_stand_ins() -> None:
    ran = trial("repo_forward", status="ok", more={"stand-ins": "cv2, vision"})
    assert "cv2, vision" in str(fires("pyslowfast_runs_with_stand_ins", proved(ran)).evidence)
    passes("pyslowfast_runs_with_stand_ins", proved(trial("repo_forward", status="ok")))


@pytest.mark.parametrize("reason", ["crashed", "timeout", "interrupted", "out_of_memory"])
@pytest.mark.parametrize("check", ["repo_import", "repo_build", "repo_forward", "repo_optional"])
def test_a_process_that_ends_is_one_finding(check: str, reason: str) -> None:
    ended = Trial(
        name="x", check=check, status="failed", reason=reason, detail="its words", device="cpu"
    )
    findings = report(proved(ended)).findings
    assert len([f for f in findings if f.severity != "note"]) == 1
