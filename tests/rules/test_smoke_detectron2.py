"""Rules about proofs of detectron2: each failure is one finding with its own mend."""

from typing import Any

import pytest

from envcheck.facts import Extension, Extensions, Snapshot, absent
from envcheck.finding import Finding
from tests.rules.machine import change, compiled, fires, healthy, not_applicable, passes, report
from tests.rules.proofs import D2, changed


def only(check: str, **fields: Any) -> Snapshot:
    package = Extension(
        name="detectron2", version="0.6", folder="/venv/lib/python3.11/site-packages",
        files=(compiled(D2),), requires=(),
    )  # fmt: skip
    machine = change(healthy(), extensions=Extensions(torch_cxx11_abi=False, packages=(package,)))
    return changed(machine, check, **fields)


def failed(check: str, detail: str, reason: str = "error") -> Snapshot:
    return only(check, status="failed", reason=reason, detail=detail, measured=None, limit=None)


def command(finding: Finding) -> str:
    assert finding.remedy and finding.remedy.commands
    return finding.remedy.commands[-1]


def test_each_is_silent_where_all_is_well() -> None:
    passes("detectron2_import_fails", only("d2_import"))
    passes("detectron2_layers_fail", only("d2_layers_import"))
    passes("detectron2_model_zoo_fails", only("d2_zoo_import"))
    passes("detectron2_operator_wrong", only("d2_op"))
    passes("detectron2_operator_fails", only("d2_op"))
    passes("detectron2_other_copy_imported", only("d2_import"))
    for name in ("detectron2_import_fails", "detectron2_operator_fails"):
        not_applicable(name, only("compute"))


@pytest.mark.parametrize("check", ["d2_import", "d2_layers_import", "d2_zoo_import", "d2_op"])
@pytest.mark.parametrize("reason", ["error", "crashed", "timeout", "out_of_memory", "gpu_fault"])
def test_a_failure_is_one_finding(check: str, reason: str) -> None:
    findings = report(failed(check, "its own words", reason)).findings
    assert len(findings) == 1 and "its own words" in str(findings[0])


def test_an_import_that_fails() -> None:
    found = fires("detectron2_import_fails", failed("d2_import", "undefined symbol: _ZN5torch"))
    assert "_ZN5torch" in found.message and command(found) == "envcheck detectron2"


def test_torchvision_is_mended_by_its_pair() -> None:
    words = "RuntimeError: operator torchvision::nms does not exist"
    found = fires("detectron2_layers_fail", failed("d2_layers_import", words))
    assert "torchvision==0.19.0" in command(found)
    other = fires("detectron2_layers_fail", failed("d2_layers_import", "No module named 'fvcore'"))
    assert other.remedy and not other.remedy.commands
    no_torch = change(failed("d2_layers_import", words), torch=absent("gone"))
    assert "envcheck" not in str(fires("detectron2_layers_fail", no_torch).remedy)


def test_the_model_zoo_without_pkg_resources() -> None:
    words = "ModuleNotFoundError: No module named 'pkg_resources'"
    found = fires("detectron2_model_zoo_fails", failed("d2_zoo_import", words))
    assert found.severity == "warning" and command(found).endswith("'setuptools<82'")
    other = fires("detectron2_model_zoo_fails", failed("d2_zoo_import", "No module named 'yacs'"))
    assert other.remedy and not other.remedy.commands


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"measured": 0.4, "limit": 1e-4}, "off by 0.4 deviations"),
        ({"measured": 3.0, "limit": 0.0}, "keeps the wrong boxes: 3 differ"),
        (
            {"status": "failed", "reason": "not_finite", "measured": None, "limit": None},
            "NaN or infinity",
        ),
    ],
)
def test_wrong_results(fields: dict[str, Any], words: str) -> None:
    machine = only("d2_op", **fields)
    found = fires("detectron2_operator_wrong", machine)
    assert words in found.message and found.subject == "cuda:0 ROIAlign"
    assert [f.name for f in report(machine).findings] == ["detectron2_operator_wrong"]


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        ("RuntimeError: Not compiled with GPU support", "FORCE_CUDA=1"),
        ("CUDA error: no kernel image is available for execution on the device", "FORCE_CUDA=1"),
        ("Could not run 'torchvision::nms' with arguments from the 'CUDA'", "torchvision==0.19.0"),
    ],
)
def test_operators_that_fail(words: str, mend: str) -> None:
    assert mend in command(fires("detectron2_operator_fails", failed("d2_op", words)))


def test_an_operator_that_fails_for_another_reason() -> None:
    assert fires("detectron2_operator_fails", failed("d2_op", "shape mismatch")).remedy is None


def test_another_copy_was_imported() -> None:
    other = only("d2_import", details={"file": "/src/detectron2/_C.so"})
    found = fires("detectron2_other_copy_imported", other)
    assert "/src/detectron2/_C.so was imported" in found.message and D2 in found.message
    not_applicable("detectron2_other_copy_imported", changed(healthy(), "d2_import"))
