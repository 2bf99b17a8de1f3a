"""An image → the Snapshot of what is in it."""

import platform
import re

import msgspec

from envcheck.facts import (
    NOT_ASKED,
    Container,
    Environment,
    Loader,
    Missing,
    Purpose,
    Snapshot,
)
from envcheck.facts.plan import BaseImage, Plan
from envcheck.images.archive import Image, open_image
from envcheck.images.root import unpacked
from envcheck.kb import Knowledge
from envcheck.kb.versions import minor
from envcheck.probes.take import take_snapshot

FACTS = ("host", "environment", "container", "cuda", "python", "torch", "extensions", "ffmpeg",
         "loader")  # fmt: skip
_ARCHES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_REQUIRED = re.compile(r"cuda>=(\d+\.\d+)")


def read_image(
    path: str, kb: Knowledge, *, python: str | None, purpose: Purpose, timeout: float
) -> Snapshot:
    """What is in an image, as far as its files and its configuration say.

    Raises:
        ImageError: it cannot be read.
        UsageError: no such interpreter in it.
    """
    with open_image(path, _ARCHES.get(platform.machine(), "amd64")) as image:
        with unpacked(image) as root:
            taken, _ = take_snapshot(
                root=root,
                python=python,
                facts=FACTS,
                purpose=purpose,
                timeout=timeout,
                kb=kb,
                environ=image.environment,
            )
        return _as_container(taken, image)


def _as_container(taken: Snapshot, image: Image) -> Snapshot:
    given = image.environment
    source = f"{image.name}, its configuration"
    container = Container(
        runtime="docker",
        jetson=None,
        visible_devices=given.get("NVIDIA_VISIBLE_DEVICES"),
        driver_capabilities=given.get("NVIDIA_DRIVER_CAPABILITIES"),
        sources={"*": source},
    )
    loader = taken.loader
    if isinstance(loader, Loader):  # the driver's own libraries come in when it starts
        loader = msgspec.structs.replace(loader, libcuda=NOT_ASKED, libcuda_copies=NOT_ASKED)
    environment = taken.environment
    if isinstance(environment, Environment):
        environment = msgspec.structs.replace(environment, sources={"*": source})
    return msgspec.structs.replace(
        taken,
        origin="image",
        container=container,
        loader=loader,
        environment=environment,
        plan=Plan(
            files=(image.path,),
            base_image=BaseImage(name=image.name, cuda=_cuda(given), where=source),
            capabilities=given.get("NVIDIA_DRIVER_CAPABILITIES", NOT_ASKED),
            sources={"*": source},
        ),
    )


def _cuda(given: dict[str, str]) -> str | Missing:
    """The CUDA an image was made for, by what NVIDIA's images set."""
    if match := _REQUIRED.search(given.get("NVIDIA_REQUIRE_CUDA", "")):
        return match[1]
    version = given.get("CUDA_VERSION", "")
    return minor(version) if re.fullmatch(r"\d+\.\d+(?:\.\d+)?", version) else NOT_ASKED
