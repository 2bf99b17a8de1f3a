"""How to take back what was installed: two lists of packages → commands. Pure."""

import shlex

from envcheck.facts import Distribution, Missing, PythonEnv, or_none
from envcheck.kb import Knowledge


def undo(before: PythonEnv | Missing, after: PythonEnv | Missing, kb: Knowledge) -> tuple[str, ...]:
    """Commands that bring the packages back to what they were; none where nothing changed."""
    old, new = _listed(before), _listed(after)
    if old is None or new is None or isinstance(before, Missing):
        return ()
    python = shlex.quote(or_none(before.executable) or "python")
    prefix = or_none(before.prefix)
    added = sorted(name for name in new if name not in old)
    changed = [old[name] for name in sorted(old) if not _same(old[name], new.get(name))]
    commands = []
    conda = [one for one in changed if one.installer == "conda" and prefix]
    if conda:
        specs = " ".join(
            shlex.quote("=".join(filter(None, (one.name, one.version, one.build)))) for one in conda
        )
        commands.append(f"conda install -p {shlex.quote(prefix or '')} {specs}")
    uv = any(one.installer == "uv" for one in changed) and "pip" not in old
    pip = f"uv pip install --python {python}" if uv else f"{python} -m pip install"
    by_index: dict[str, list[str]] = {}
    for one in changed:
        if one not in conda:
            by_index.setdefault(_index(one, kb), []).append(f"{one.name}=={one.version}")
    for index, specs_ in by_index.items():
        options = f" --index-url {index}" if index else ""
        words = " ".join(map(shlex.quote, specs_))
        commands.append(f"{pip} --no-deps --force-reinstall{options} {words}")
    if added:
        remove = f"uv pip uninstall --python {python}" if uv else f"{python} -m pip uninstall -y"
        commands.append(f"{remove} {' '.join(map(shlex.quote, added))}")
    return tuple(commands)


def _listed(python: PythonEnv | Missing) -> dict[str, Distribution] | None:
    if isinstance(python, Missing):
        return None
    found = or_none(python.distributions)
    return None if found is None else {dist.name: dist for dist in reversed(found)}


def _same(one: Distribution, other: Distribution | None) -> bool:
    return other is not None and (one.version, one.build) == (other.version, other.build)


def _index(dist: Distribution, kb: Knowledge) -> str:
    """The vendor's index of a build that the default index has not: "2.4.0+cu118"."""
    tag = dist.version.partition("+")[2]
    if tag == "cpu":
        return kb.torch.index_url(None)
    if tag.startswith("cu") and tag[2:].isdecimal() and len(tag) > 3:
        return kb.torch.index_url(f"{tag[2:-1]}.{tag[-1]}")
    return ""
