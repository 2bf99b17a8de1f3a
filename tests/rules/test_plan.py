"""Rules about plans: each fires on one plan, and not on one that nearly is it."""

from envcheck.facts import absent
from envcheck.facts.plan import BaseImage, GpuAccess, Wanted
from tests.rules.machine import change, fires, healthy, not_applicable, passes, skips
from tests.rules.plans import plan, torch


def test_no_such_wheel() -> None:
    cuda = change(healthy(), plan=plan(torch(cuda="12.8")))
    assert "it has cu118, cu121, cu124 and cpu" in fires("no_such_wheel", cuda).message
    python = change(healthy(), python__version="3.13.1")
    assert "no wheel for Python 3.13" in fires("no_such_wheel", python).message
    none = change(healthy(), plan=plan(torch(version=absent("no torch for Python 3.2"))))
    assert "Python 3.2" in fires("no_such_wheel", none).message
    passes("no_such_wheel", change(healthy(), plan=plan(torch(cuda="12.4"))))
    passes("no_such_wheel", change(healthy(), plan=plan(torch(cuda=None))))
    not_applicable("no_such_wheel", change(healthy(), plan=plan(torch(installer="conda"))))
    not_applicable("no_such_wheel", change(healthy(), plan=plan(torch(version="99.0"))))
    not_applicable("no_such_wheel", change(healthy(), plan=plan(Wanted(name="numpy"))))


def image(name: str, **changes: str) -> BaseImage:
    return BaseImage(name=name, where="Dockerfile:1", **changes)


def test_base_image_too_new_for_driver() -> None:
    new = plan(base_image=image("nvidia/cuda:13.0.1-base-ubuntu24.04", cuda="13.0"))
    found = fires("base_image_too_new_for_driver", change(healthy(), plan=new))
    assert "580" in found.message and found.evidence[0].source == "Dockerfile:1"
    # CUDA 12.8 on a driver of 12.4: minor-version compatibility
    near = plan(base_image=image("nvidia/cuda:12.8.1-base-ubuntu24.04", cuda="12.8"))
    passes("base_image_too_new_for_driver", change(healthy(), plan=near))
    not_applicable("base_image_too_new_for_driver", change(healthy(), plan=plan(base_image=None)))
    skips(
        "base_image_too_new_for_driver", change(healthy(), plan=plan(base_image=image("python:3")))
    )


def test_plan_asks_for_no_gpu() -> None:
    access = GpuAccess(asked=False, service="train", where="compose.yaml:2")
    fires("plan_asks_for_no_gpu", change(healthy(), plan=plan(gpu_access=access)))
    passes("plan_asks_for_no_gpu", healthy())
    cpu = change(healthy(), plan=plan(torch(cuda=None), gpu_access=access))
    not_applicable("plan_asks_for_no_gpu", cpu)


def test_capabilities_leave_out_compute() -> None:
    video = change(healthy(), plan=plan(capabilities="utility,video"))
    assert "utility,video" in fires("capabilities_leave_out_compute", video).message
    passes("capabilities_leave_out_compute", change(healthy(), plan=plan(capabilities="all")))


def test_package_left_open() -> None:
    numpy = Wanted(name="numpy", specifier=">=1.20", where="Dockerfile:4")
    old = torch(version="2.2.1", specifier="==2.2.1")
    fires("package_left_open", change(healthy(), plan=plan(old, numpy)))
    passes("package_left_open", change(healthy(), plan=plan(torch(), numpy)))
    bound = Wanted(name="numpy", specifier=">=1.20,<2", where="Dockerfile:4")
    passes("package_left_open", change(healthy(), plan=plan(old, bound)))


def test_torch_left_open() -> None:
    found = fires("torch_left_open", change(healthy(), plan=plan(torch(specifier=">=2"))))
    assert found.remedy is not None and "torch==2.4.0" in found.remedy.text
    passes("torch_left_open", healthy())
    passes("torch_left_open", change(healthy(), plan=plan(torch(specifier="", locked=True))))


def test_plan_not_wholly_read() -> None:
    lines = tuple(f"Dockerfile:{n}: curl x | sh" for n in range(7))
    found = fires("plan_not_wholly_read", change(healthy(), plan=plan(not_read=lines)))
    assert len(found.evidence) == 5 and found.evidence[0].source == "Dockerfile:0"
    passes("plan_not_wholly_read", healthy())


def test_torch_needs_glibc() -> None:
    musl = plan(base_image=image("python:3.12-alpine", libc="musl"))
    fires("torch_needs_glibc", change(healthy(), plan=musl))
    passes("torch_needs_glibc", healthy())
    conda = plan(
        torch(installer="conda"), base_image=image("mambaorg/micromamba:alpine", libc="musl")
    )
    passes("torch_needs_glibc", change(healthy(), plan=conda))
