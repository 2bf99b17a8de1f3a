"""`envcheck models` as a user runs it: list, decode, verify where no torch is installed."""

import json
import subprocess
import sys

import jsonschema
import pytest

from tests.make_docs import ROOT


def models(*arguments: str) -> "subprocess.CompletedProcess[str]":
    ran = subprocess.run(
        [sys.executable, "-m", "envcheck", "models", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran


def test_without_a_command_it_is_the_list() -> None:
    bare, listed = models(), models("list")
    assert bare.returncode == 0 and bare.stdout == listed.stdout
    assert "SLOWFAST_8x8_R50.pyth" in bare.stdout


def test_options_reach_the_list() -> None:
    ran = models("list", "x3d", "--zoo", "pytorchvideo", "--hub", "--max-params", "4",
                 "--min-top1", "70", "--sort", "gflops", "--format", "json")  # fmt: skip
    rows = json.loads(ran.stdout)
    assert [row["model"]["hub_name"] for row in rows] == ["x3d_s", "x3d_m", "efficient_x3d_s"]


def test_names_are_decoded_as_text_and_json() -> None:
    ran = models("decode", "SLOWFAST_8x8_R50", "AVA/SLOW_8x8_R50_SHORT.yaml")
    assert ran.returncode == 0 and "samples 4x16" in ran.stdout
    (name,) = json.loads(models("decode", "x3d_m", "--format", "json").stdout)
    assert (name["architecture"], name["known"], name["frames"]) == ("x3d_m", True, 16)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("list", "--arch", "slowfst"), "slowfast"),
        (("list", "--zoo", "timm"), "pytorchvideo"),
        (("list", "--max-gflops", "-1"), "max-gflops"),
        (("decode",), "NAME"),
        (("decode", "SLOWFST_8x8_R50"), "SLOWFAST_8x8_R50"),
        (("verify", "slowfast_r5"), "slowfast_r50"),
        (("verify", "--python", "/nonexistent"), "/nonexistent"),
    ],
)
def test_bad_usage_is_one_clear_error(arguments: tuple[str, ...], words: str) -> None:
    ran = models(*arguments)
    assert ran.returncode == 2 and ran.stdout == ""
    assert words in ran.stderr


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        ("models", ("list",)),
        ("names", ("decode", "slowfast_r50", "SLOW_8x8_R50", "MVITv2_B", "X3D_9x9_mine")),
    ],
)
def test_json_is_as_the_schema_has_it(schema: str, arguments: tuple[str, ...]) -> None:
    held = json.loads(models(*arguments, "--format", "json").stdout)
    wanted = json.loads((ROOT / f"envcheck/schema/{schema}.json").read_text())
    assert held
    jsonschema.validate(held, wanted)


def test_verify_without_torch_says_so() -> None:
    ran = models("verify", "x3d_s", "--python", sys.executable, "--format", "json")
    report = json.loads(ran.stdout)
    assert ran.returncode == report["exit_code"] == 1
    assert [finding["name"] for finding in report["findings"]] == ["torch_import_fails"]
    assert report["snapshot"]["trials"]["target"] == "architectures"
