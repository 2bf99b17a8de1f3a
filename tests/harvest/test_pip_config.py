"""The index is the one pip is configured with, whatever says so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from envcheck.errors import UsageError
from envcheck.index import PipConfig, read_pip_config


def environ(tmp_path: Path, ini: str = "", **variables: str) -> dict[str, str]:
    """An environment in which pip sees this configuration only."""
    file = tmp_path / "pip.conf"
    file.write_text(ini)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    clean |= {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_CONFIG_DIRS": "/x"}
    return {**clean, "PIP_CONFIG_FILE": str(file), **variables}


FILE = """\
[global]
index-url = https://one.example/simple/
extra-index-url =
    https://two.example/simple
    https://three.example/simple
cert = /etc/ca.pem
timeout = 40
trusted-host = two.example three.example:8443
find-links = /wheels https://links.example/x.html
proxy = http://proxy.example:3128

[install]
index-url = https://install.example/simple
"""


def test_a_configuration_file(tmp_path: Path) -> None:
    assert read_pip_config(environ(tmp_path, FILE)) == PipConfig(
        indexes=(
            "https://install.example/simple",
            "https://two.example/simple",
            "https://three.example/simple",
        ),
        find_links=("/wheels", "https://links.example/x.html"),
        cert="/etc/ca.pem",
        proxy="http://proxy.example:3128",
        trusted_hosts=("two.example", "three.example:8443"),
        timeout=40,
    )


def test_the_environment_wins(tmp_path: Path) -> None:
    config = read_pip_config(
        environ(
            tmp_path,
            FILE,
            PIP_INDEX_URL="https://me:it's@env.example/simple",
            PIP_EXTRA_INDEX_URL="",
            PIP_CERT="/env.pem",
            PIP_DEFAULT_TIMEOUT="7",
        )
    )
    assert config.indexes[0] == "https://me:it's@env.example/simple"
    assert config.indexes[1:] == ("https://two.example/simple", "https://three.example/simple")
    assert config.cert == "/env.pem"


def test_no_index(tmp_path: Path) -> None:
    config = read_pip_config(environ(tmp_path, PIP_NO_INDEX="1", PIP_FIND_LINKS="/wheels"))
    assert (config.indexes, config.find_links) == ((), ("/wheels",))


def test_nothing_configured_is_pips_own_default(tmp_path: Path) -> None:
    where = environ(tmp_path)
    (found,) = read_pip_config(where).indexes
    code = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    default = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=where
    )
    assert found == default.stdout.strip().rstrip("/")


def test_without_pip_the_environment_must_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("envcheck.index.pip_config._pip", list)
    config = read_pip_config(environ(tmp_path, PIP_INDEX_URL="https://env.example/simple/"))
    assert config.indexes == ("https://env.example/simple",)
    with pytest.raises(UsageError, match="PIP_INDEX_URL"):
        read_pip_config(environ(tmp_path))


@pytest.mark.parametrize(
    ("ini", "variables", "said"),
    [
        ("no section", {}, "pip config list"),
        ("", {"PIP_TIMEOUT": "soon"}, "'soon'"),
    ],
)
def test_a_configuration_that_cannot_be_read(
    tmp_path: Path, ini: str, variables: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        read_pip_config(environ(tmp_path, ini, **variables))
