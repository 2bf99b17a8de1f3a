"""compose.yaml: the service that is built or started, and whether it asks for GPUs.

https://docs.docker.com/reference/compose-file/deploy/#devices
"""

import posixpath

from envcheck.readers.plan.dockerfile import read_dockerfile
from envcheck.readers.plan.draft import Draft, PlanError, Read
from envcheck.readers.plan.yaml_lines import Node, parse


def read_compose(text: str, name: str, read: Read, service: str = "") -> Draft:
    """One service: the only one, the one asked for, or the first that is about GPUs or torch.

    Raises:
        PlanError: no services, or none with that name.
    """
    root = parse(text, name)
    services = root.get("services")
    if services is None or not services.keys:
        raise PlanError(f"{name}: no services in it: not a compose file")
    if service and service not in services.keys:
        known = ", ".join(services.keys)
        raise PlanError(f"{name}: no service is called {service!r}; there are: {known}")
    names = [service] if service else list(services.keys)
    drafts = {key: _service(key, services.keys[key], name, read) for key in names}
    return max(drafts.values(), key=_weight)


def _weight(draft: Draft) -> tuple[bool, bool, int]:
    """How much a service is about GPUs."""
    about = any(asked.name == "torch" for asked in draft.asked)
    return about, bool(draft.gpus and draft.gpus[0]), len(draft.asked)


def _service(key: str, node: Node, name: str, read: Read) -> Draft:
    draft = _built(node, name, read)
    if name not in draft.files:
        draft.files.insert(0, name)
    image = node.get("image")
    if image is not None and image.text and draft.image is None:
        draft.image = (image.text, f"{name}:{image.line}")
    for variable, (value, line) in _environment(node.get("environment")).items():
        draft.environment[variable] = (value, f"{name}:{line}")
    asked = _gpus(node)
    draft.gpus = (asked is not None, key, f"{name}:{asked or node.line}")
    return draft


def _built(node: Node, name: str, read: Read) -> Draft:
    build = node.get("build")
    if build is None:
        return Draft()
    context = build.text or (found.text if (found := build.get("context")) else "") or "."
    said = build.get("dockerfile")
    path = posixpath.normpath(posixpath.join(context, said.text if said else "Dockerfile"))
    text = read(path)
    if text is None:
        draft = Draft()
        draft.skip(f"{name}:{build.line}", f"build: {path} is not there")
        return draft
    target = build.get("target")

    def beside(file: str) -> str | None:
        return read(posixpath.normpath(posixpath.join(context, file)))

    return read_dockerfile(text, path, beside, target.text if target else "")


def _gpus(node: Node) -> int | None:
    """The line that asks for GPUs."""
    for key in ("gpus", "runtime"):
        said = node.get(key)
        if said is not None and (key == "gpus" or said.text == "nvidia"):
            return said.line
    devices = node.get("deploy", "resources", "reservations", "devices")
    for device in devices.items if devices else []:
        capabilities = device.get("capabilities")
        driver = device.get("driver")
        named = [item.text for item in capabilities.items] if capabilities else []
        if "gpu" in named or (driver and driver.text in ("nvidia", "cdi")):
            return device.line
    direct = node.get("devices")
    for device in direct.items if direct else []:
        if device.text.startswith(("nvidia.com/gpu", "/dev/nvidia")):
            return device.line
    return None


def _environment(node: Node | None) -> dict[str, tuple[str, int]]:
    if node is None:
        return {}
    if node.keys:
        return {key: (value.text, value.line) for key, value in node.keys.items()}
    found = {}
    for item in node.items:
        key, _, value = item.text.partition("=")
        found[key] = (value, item.line)
    return found
