"""Checks of a plan: what a Dockerfile, a requirements or a lock file would install. Pure."""

from collections.abc import Iterator

from envcheck import compat
from envcheck.facts import Driver, Missing, PythonEnv, known, or_none
from envcheck.facts.plan import BaseImage, GpuAccess, Plan, Wanted
from envcheck.finding import ERROR, NOTE, WARNING, Evidence, Finding, Remedy
from envcheck.kb import Knowledge
from envcheck.kb.versions import minor
from envcheck.rules.base import NotApplicable, rule

SHOWN = 5  # lines that were not read


@rule("PLN001", severity=ERROR, subject="plan", decisive=True)
def no_such_wheel(plan: Plan, python: PythonEnv, kb: Knowledge) -> Iterator[Finding]:
    """The plan asks for a torch wheel that does not exist.

    Why: each torch release is compiled for certain CUDA versions and certain Pythons. pip then says
    `No matching distribution found` or `Could not find a version that satisfies the requirement`.

    Confirm: ask pip, with the plan's index and Python.

        python -m pip download --no-deps torch==VERSION --index-url INDEX

    Fix: choose a CUDA variant that the release has, or a Python that it is built for.

    Sources: https://pytorch.org/get-started/previous-versions/
    """
    torch = planned_torch(plan)
    release = kb.torch.release(torch.version) if isinstance(torch.version, str) else None
    version = or_none(python.version)
    if release is None:
        if isinstance(torch.version, Missing) and torch.version.detail:
            yield _no_wheel(
                torch, f"No torch{torch.specifier} has a wheel: {torch.version.detail}."
            )
            return
        known(torch.version)
        raise NotApplicable  # newer than this knowledge, or from elsewhere
    if torch.installer == "conda":
        raise NotApplicable
    cuda = or_none(torch.cuda)
    if isinstance(torch.cuda, str) and cuda not in release.variants:
        have = ", ".join(f"cu{each.replace('.', '')}" for each in release.variants)
        yield _no_wheel(
            torch, f"torch {release.version} has no wheel for CUDA {cuda}; it has {have} and cpu."
        )
    if version and minor(version) not in release.python:
        yield _no_wheel(
            torch,
            f"torch {release.version} has no wheel for Python {minor(version)}; it has"
            f" {', '.join(release.python)}.",
            Evidence("python.version", version, python.source("version")),
        )


@rule("PLN002", severity=ERROR, subject="plan")
def base_image_too_new_for_driver(plan: Plan, driver: Driver, kb: Knowledge) -> Iterator[Finding]:
    """The base image's CUDA is newer than the host's driver serves.

    Why: an image with CUDA states the driver it needs in NVIDIA_REQUIRE_CUDA, and the NVIDIA
    runtime refuses to start it on an older one: `unsatisfied condition: cuda>=12.8`. What was built
    upon it needs that CUDA, too.

    Confirm: start it.

        docker run --rm --gpus all IMAGE nvidia-smi

    Fix: take the image of an older CUDA, or update the host's driver. A wheel of torch brings its
    own CUDA and needs none in the image.

    Sources: https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html
    """
    image = known(plan.base_image)
    if not isinstance(image, BaseImage):
        raise NotApplicable
    cuda = known(image.cuda)
    version = known(driver.version)
    verdict = compat.driver_serves(version, cuda, kb=kb)
    if verdict.serves is not False:
        return
    needed = f"driver {verdict.needed} or newer" if verdict.needed else "a newer driver"
    yield Finding(
        message=f"{image.name} brings CUDA {cuda}, which needs {needed}; the host has {version}.",
        evidence=(
            Evidence("base image", image.name, image.where),
            Evidence("driver.version", version, driver.source("version")),
        ),
        remedy=Remedy(
            f"Begin with an image of CUDA {compat.cuda_for_driver(version, kb=kb) or 'less'} or"
            " older, or update the host's driver."
        ),
    )


@rule("PLN003", severity=WARNING, subject="plan")
def plan_asks_for_no_gpu(plan: Plan) -> Iterator[Finding]:
    """The compose file starts a CUDA torch without asking for a GPU.

    Why: a container sees no GPU unless whoever starts it asks for one; torch then says
    `Found no NVIDIA driver on your system`.

    Confirm: start the service and look.

        docker compose run --rm SERVICE nvidia-smi

    Fix: reserve a device of driver nvidia in the service, or set `gpus: all`.

    Sources: https://docs.docker.com/compose/how-tos/gpu-support/
    """
    access = known(plan.gpu_access)
    if not isinstance(access, GpuAccess) or not _needs_cuda(plan):
        raise NotApplicable
    if access.asked:
        return
    yield Finding(
        message=f"The service {access.service} has a CUDA torch and asks for no GPU.",
        evidence=(Evidence("service", access.service, access.where),),
        remedy=Remedy(
            f"Add `gpus: all` to the service {access.service}, or a reservation of a device:"
            " deploy.resources.reservations.devices with driver nvidia and capabilities [gpu]."
        ),
    )


@rule("PLN004", severity=ERROR, subject="plan")
def capabilities_leave_out_compute(plan: Plan) -> Iterator[Finding]:
    """NVIDIA_DRIVER_CAPABILITIES is set and leaves out `compute`.

    Why: the NVIDIA runtime hands over the driver's libraries by these words; without `compute`
    there is no libcuda in the container, and no CUDA.

    Confirm: look for libcuda in the container.

        docker run --rm --gpus all IMAGE ldconfig -p | grep libcuda

    Fix: set NVIDIA_DRIVER_CAPABILITIES=compute,utility, with `video` where NVENC or NVDEC is used.

    Sources: https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html
    """
    said = known(plan.capabilities)
    words = {word.strip() for word in said.split(",")}
    if not _needs_cuda(plan):
        raise NotApplicable
    if words & {"all", "compute"} or said == "":
        return
    yield Finding(
        message=f"NVIDIA_DRIVER_CAPABILITIES is {said}: without `compute` there is no CUDA.",
        evidence=(Evidence("NVIDIA_DRIVER_CAPABILITIES", said, plan.source("capabilities")),),
        remedy=Remedy("Set NVIDIA_DRIVER_CAPABILITIES=compute,utility."),
    )


@rule("PLN007", severity=NOTE, subject="plan")
def plan_not_wholly_read(plan: Plan) -> Iterator[Finding]:
    """The plan installs something that cannot be told from its text.

    Why: a script from the network, a checkout or a file that is not beside the plan may bring any
    package. What they install is not judged.

    Confirm: the evidence names the lines.

    Fix: judge the built image with `envcheck doctor --image`, which reads what is really there.

    Sources: https://docs.docker.com/reference/dockerfile/
    """
    if not plan.not_read:
        return
    more = len(plan.not_read) - SHOWN
    yield Finding(
        message=f"{len(plan.not_read)} line{'s install' if len(plan.not_read) > 1 else ' installs'}"
        " what the text does not say"
        + (f", the first {SHOWN} are shown" if more > 0 else "")
        + ".",
        evidence=tuple(_line(line) for line in plan.not_read[:SHOWN]),
        remedy=Remedy("Judge the image when it is built: envcheck doctor --image FILE"),
    )


@rule("PLN008", severity=ERROR, subject="plan")
def torch_needs_glibc(plan: Plan) -> Iterator[Finding]:
    """The base image has musl, for which there is no torch wheel.

    Why: torch's wheels are linked with glibc (manylinux). On Alpine pip finds none of them and says
    `No matching distribution found for torch`.

    Confirm: the image's C library names itself.

        docker run --rm IMAGE ldd --version

    Fix: begin with an image of Debian or Ubuntu, such as python:3.12-slim.

    Sources: https://peps.python.org/pep-0656/
    """
    image = known(plan.base_image)
    if not isinstance(image, BaseImage):
        raise NotApplicable
    torch = planned_torch(plan)
    if known(image.libc) != "musl" or torch.installer == "conda":
        return
    yield Finding(
        message=f"{image.name} has musl; torch has wheels for glibc only.",
        evidence=(
            Evidence("base image", image.name, image.where),
            Evidence("torch", torch.specifier or "any version", torch.where),
        ),
        remedy=Remedy("Begin with an image of Debian or Ubuntu, such as python:3.12-slim."),
    )


def planned_torch(plan: Plan) -> Wanted:
    """The torch that the plan installs last.

    Raises:
        NotApplicable: it installs none.
    """
    for one in reversed(plan.wanted):
        if one.name == "torch":
            return one
    raise NotApplicable


def _needs_cuda(plan: Plan) -> bool:
    return any(one.name == "torch" and isinstance(one.cuda, str) for one in plan.wanted)


def _no_wheel(torch: Wanted, message: str, *more: Evidence) -> Finding:
    return Finding(
        message=message,
        evidence=(Evidence("torch", torch.specifier or "any version", torch.where), *more),
        remedy=Remedy("`envcheck compat` names a build for the GPU, the driver and the Python."),
    )


def _line(text: str) -> Evidence:
    place, _, said = text.partition(": ")
    return Evidence("not read", said, place)
