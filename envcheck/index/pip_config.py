"""What pip is configured with: indexes, proxy, certificates. Asks pip itself, knows no address.

Must not know torch or the network.
"""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping

import msgspec

from envcheck.errors import UsageError

_TIME_LIMIT = 60  # seconds; pip takes about half a second
# Later sections win, as in pip: https://pip.pypa.io/en/stable/topics/configuration/#precedence-override-order
_SECTIONS = ("global", "install", ":env:")
_LINE = re.compile(r"(global|install|:env:)\.([\w-]+)=(.+)")
_DEFAULT = re.compile(r"--index-url.*?\(default\s+(\S+?)\)", re.DOTALL)


class PipConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `pip install` that say where packages lie and how to get there."""

    indexes: tuple[str, ...] = ()  # simple indexes, the first one first
    find_links: tuple[str, ...] = ()  # pages, files and folders that list wheels
    cert: str | None = None  # CA bundle, or a folder of certificates
    client_cert: str | None = None
    proxy: str | None = None
    trusted_hosts: tuple[str, ...] = ()  # "host" or "host:port" whose certificate is not checked
    timeout: float = 15.0  # seconds without an answer


def read_pip_config(environ: Mapping[str, str] = os.environ) -> PipConfig:
    """pip's own configuration: its files and environment variables, in its order.

    Raises:
        UsageError: no pip was found and PIP_INDEX_URL is not set, or pip's answer cannot be read.
    """
    pip = _pip()
    options = _configured(_run([*pip, "config", "list"], environ)) if pip else {}
    if not pip:
        options = {
            name[4:].lower().replace("_", "-"): value
            for name, value in environ.items()
            if name.startswith("PIP_")
        }
    indexes: list[str] = []
    if options.get("no-index", "").lower() not in ("1", "true", "yes", "on"):
        first = options.get("index-url") or options.get("pypi-url")
        indexes = [first or _default_index(pip, environ)]
        indexes += options.get("extra-index-url", "").split()
    return PipConfig(
        indexes=tuple(url.rstrip("/") for url in indexes),
        find_links=tuple(options.get("find-links", "").split()),
        cert=options.get("cert") or None,
        client_cert=options.get("client-cert") or None,
        proxy=options.get("proxy") or None,
        trusted_hosts=tuple(options.get("trusted-host", "").split()),
        timeout=_seconds(options.get("timeout") or options.get("default-timeout") or "15"),
    )


def _pip() -> list[str]:
    """The command of this interpreter's pip, or else of the one on PATH; empty: none."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip") or shutil.which("pip3")
    return [found] if found else []


def _configured(listing: str) -> dict[str, str]:
    """`pip config list` prints `section.key='value'`, the value as Python writes it."""
    options: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for line in listing.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match:
            section, key, text = match.groups()
            try:
                value = str(ast.literal_eval(text))
            except (ValueError, SyntaxError) as error:
                raise UsageError(f"`pip config list` printed {line.strip()!r}") from error
            if value:  # pip leaves empty ones out of account
                options[section][key.lower().replace("_", "-")] = value
    return {**options["global"], **options["install"], **options[":env:"]}


def _default_index(pip: list[str], environ: Mapping[str, str]) -> str:
    """The index pip uses when none is configured: its help says which."""
    if pip:
        match = _DEFAULT.search(_run([*pip, "download", "--help"], environ))
        if match:
            return match[1]
    raise UsageError("no pip was found, so no package index is configured: set PIP_INDEX_URL")


def _run(command: list[str], environ: Mapping[str, str]) -> str:
    try:
        ran = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_TIME_LIMIT,
            stdin=subprocess.DEVNULL,
            env={**environ, "COLUMNS": "1000", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"{' '.join(command)}: {error}") from error
    if ran.returncode:
        last = (ran.stderr.strip() or ran.stdout.strip()).splitlines()[-1:]
        raise UsageError(f"{' '.join(command)}: {' '.join(last) or 'failed'}")
    return ran.stdout


def _seconds(text: str) -> float:
    try:
        return max(1.0, float(text))
    except ValueError as error:
        raise UsageError(f"pip's timeout is {text!r}, not a number") from error
