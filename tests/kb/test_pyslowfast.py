"""Patches belong to messages that are known, and fill in what they stand for."""

import shlex

import pytest

from envcheck.kb import load
from envcheck.kb.pyslowfast import Patch

TABLE = load().pyslowfast


@pytest.mark.parametrize("patch", TABLE.patches, ids=lambda patch: patch.issue + patch.find)
def test_a_patch(patch: Patch) -> None:
    issue = load().issues.by_id[patch.issue]
    assert not patch.find or any(patch.find in pattern for pattern in issue.find)
    for command in patch.commands:
        filled = command.format(repo="/r", cfg="/c.yaml", python="/p")
        assert shlex.split(filled) and "{" not in filled.replace("/{/", "").replace("{/^", "")
    assert TABLE.patch(patch.issue, patch.find or issue.example) == patch


def test_each_module_once() -> None:
    names = list(TABLE.packages)
    assert names == sorted(names) and {"cv2", "sklearn", "detectron2", "simplejson"} <= set(names)
    assert TABLE.packages["cv2"].install == "opencv-python-headless"


def test_another_message_has_no_patch() -> None:
    assert TABLE.patch("topk-key", "KeyError: 'Non-existent config key: DEMO.X'") is None
    assert TABLE.patch("nonesuch", "") is None
