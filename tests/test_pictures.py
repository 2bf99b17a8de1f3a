"""The pictures of the documentation show what is drawn today, and load nothing."""

import re

import pytest

from tests.make_pictures import PICTURES, pictures, words


@pytest.mark.parametrize("name", ["doctor.svg", "gpu-watch.svg"])
def test_a_picture_is_current(name: str) -> None:
    svg = (PICTURES / name).read_text(encoding="utf-8")
    assert len(words(svg)) > 20
    assert words(svg) == words(pictures()[name]), "run `make docs`"
    loaded = re.findall(r"(?:url\(|href=)[\"']?(?!#)([^\"')]*)", svg)
    assert not loaded, "a picture loads nothing"
