"""Takes persons, machines and secrets out of a snapshot; what was one name stays one name.

Pure: whose names they are, and the key that hides them, are given.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any

import msgspec

from envcheck.facts import Snapshot

SECRET = "<secret>"
ORDINARY = (  # accounts and machines called so tell nothing, and the words stand in many paths
    "root", "user", "users", "home", "ubuntu", "debian", "admin", "nobody", "localhost", "linux",
    "python", "conda", "torch", "cuda", "nvidia", "docker", "venv", "lib", "bin", "usr", "opt",
    "local", "share", "site-packages", "python3", "gpu", "driver", "system",
)  # fmt: skip

_HOME = re.compile(
    r"(?P<root>(?:/home|/Users|/export/home|/data/home|[A-Za-z]:[\\/]Users)[\\/])"
    r"(?P<user>[^/\\\s:;\"']+)"
)
_UUID = re.compile(r"(?<!GPU-)(?<!MIG-)\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")
_PART_UUID = re.compile(r"\b(GPU|MIG)-([0-9a-fA-F][0-9a-fA-F-]{3,35})(?![0-9a-fA-F-])")
_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")
_MAIL = re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]+\b")
_TOKEN = re.compile(
    r"(?:gh[pousr]_|github_pat_|glpat-|hf_|sk-|xox[abprs]-|AKIA|ASIA|nvapi-|pypi-|npm_|dckr_pat_)"
    r"[A-Za-z0-9_-]{10,}"
    r"|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*"
)
_SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSW|PWD$|_KEY\b|APIKEY|CREDENTIAL|AUTH|COOKIE|PRIVATE", re.IGNORECASE
)
_RANDOM = re.compile(r"(?<![\w/.-])(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Za-z])[\w+/=-]{32,}(?![\w/.-])")
_ADDRESS = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")


def redact(snapshot: Snapshot, *, key: bytes, users: tuple[str, ...], host: str) -> Snapshot:
    """The snapshot without names, unique numbers and secrets.

    Args:
        key: the same key gives the same pseudonyms.
        users: names of accounts to look for anywhere.
        host: the machine's name, with or without its domain.
    """
    cleaner = _Cleaner(key, users, host)
    raw = msgspec.to_builtins(snapshot)
    environment = raw.get("environment")
    if isinstance(environment, dict) and isinstance(environment.get("variables"), dict):
        variables = environment["variables"]
        environment["variables"] = {
            name: cleaner.variable(name, value) for name, value in variables.items()
        }
    return msgspec.convert(_each(raw, cleaner.text), Snapshot)


def _each(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _each(item, change) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_each(item, change) for item in value]
    return value


class _Cleaner:
    def __init__(self, key: bytes, users: tuple[str, ...], host: str) -> None:
        self._key = key
        names = dict.fromkeys(users, "user")
        names |= dict.fromkeys((host, host.partition(".")[0]), "host")
        names = {
            name: kind
            for name, kind in names.items()
            if len(name) > 2 and name.lower() not in ORDINARY
        }
        longest = sorted(names, key=len, reverse=True)
        self._names = names
        self._named = (
            re.compile(r"(?<![\w.-])(?:" + "|".join(map(re.escape, longest)) + r")(?![\w-])")
            if names
            else None
        )

    def text(self, text: str) -> str:
        """A text of the snapshot without what tells whose it is."""
        text = _TOKEN.sub(SECRET, text)
        text = _LOGIN.sub(f"{SECRET}@", text) if "@" in text else text
        text = _MAIL.sub(self._mail, text) if "@" in text else text
        text = _HOME.sub(self._home, text)
        text = _PART_UUID.sub(self._gpu, text)
        text = _UUID.sub(lambda match: self._uuid(match[0]), text)
        if self._named:
            text = self._named.sub(lambda m: self._pseudonym(self._names[m[0]], m[0]), text)
        return text

    def variable(self, name: str, value: str) -> str:
        """A variable's value; a secret is known by the variable's name, or by its own look."""
        if _SECRET_NAME.search(name):
            return SECRET if value else value
        value = _ADDRESS.sub(lambda match: self._pseudonym("address", match[0]), value)
        unique = "GPU-" in value or "MIG-" in value or _UUID.search(value)
        return value if unique else _RANDOM.sub(SECRET, value)

    def _digest(self, kind: str, text: str) -> str:
        return hmac.new(self._key, f"{kind}:{text}".encode(), hashlib.sha256).hexdigest()

    def _pseudonym(self, kind: str, text: str) -> str:
        return f"{kind}-{self._digest(kind, text)[:8]}"

    def _home(self, match: re.Match[str]) -> str:
        user = match["user"]
        if user.startswith(("user-", "<")) or user.lower() in ORDINARY:
            return match[0]
        return match["root"] + self._pseudonym("user", user)

    def _mail(self, match: re.Match[str]) -> str:
        return match[0] if match[0].startswith(SECRET) else self._pseudonym("mail", match[0])

    def _gpu(self, match: re.Match[str]) -> str:
        """CUDA takes the beginning of a UUID for the whole: each digit keeps its place."""
        digits = match[2].lower()
        return f"{match[1]}-" + "".join(
            digit if digit == "-" else self._digest("uuid", digits[:place])[0]
            for place, digit in enumerate(digits, 1)
        )

    def _uuid(self, uuid: str) -> str:
        digest = self._digest("uuid", uuid.lower())
        return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
