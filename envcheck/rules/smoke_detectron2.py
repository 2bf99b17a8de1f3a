"""Checks of proofs that were run: detectron2. Pure; only `envcheck detectron2 --run` runs them."""

from collections.abc import Iterator

from envcheck.facts import (
    Cuda,
    Environment,
    Extension,
    Extensions,
    Gpus,
    Missing,
    PythonEnv,
    TorchBuild,
    Trial,
    or_none,
)
from envcheck.finding import ERROR, WARNING, Evidence, Finding, Remedy
from envcheck.kb import Knowledge
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.companion import pair
from envcheck.rules.install_packages import install_command
from envcheck.rules.rebuild import rebuild
from envcheck.rules.smoke import NAMED, said, wrong

PACKAGE = "detectron2"
NO_CUDA = ("not compiled with gpu support", "not compiled with cuda", "no kernel image")


def _failed(trial: Trial, check: str) -> bool:
    """Whether this import or operator failed for no reason that has a check of its own.

    Raises:
        NotApplicable: it is another check, was skipped, or another check says why it failed.
    """
    if trial.check != check or trial.status == "skipped" or trial.reason in (*NAMED, "not_finite"):
        raise NotApplicable
    return trial.status == "failed"


@rule("SMK050", severity=ERROR, subject="smoke")
def detectron2_import_fails(trial: Trial) -> Iterator[Finding]:
    """detectron2 or its compiled module cannot be imported.

    Why: it is not installed for this interpreter, or was compiled for another Python, torch or
    CUDA, or a package it needs is missing. The error names the first obstacle only.

    Confirm: it raises the same error.

        python -c "import torch, detectron2._C"

    Fix: what the checks of the files say: they name everything that the module lacks.

    Sources: https://detectron2.readthedocs.io/en/latest/tutorials/install.html#common-installation-issues
    """
    if _failed(trial, "d2_import"):
        yield Finding(
            message=f"detectron2 cannot be imported: {trial.detail}",
            evidence=said(trial),
            subject=trial.label,
            remedy=Remedy("Let the checks of its files name the cause.", ("envcheck detectron2",)),
        )


@rule("SMK051", severity=ERROR, subject="smoke")
def detectron2_layers_fail(
    trial: Trial, torch: TorchBuild | Missing, python: PythonEnv | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """The compiled module works, and detectron2.layers cannot be imported.

    Why: its layers take ROIAlign, NMS and deformable convolution on CPUs from torchvision, which is
    missing, or was built for another torch: `operator torchvision::nms does not exist`.

    Confirm: it raises the same error.

        python -c "import detectron2.layers"

    Fix: install the torchvision that belongs to this torch.

    Sources: https://github.com/pytorch/vision#installation
    """
    if _failed(trial, "d2_layers_import"):
        ours = "torchvision" in trial.detail and not isinstance(torch, Missing)
        yield Finding(
            message=f"detectron2.layers cannot be imported: {trial.detail}",
            evidence=said(trial),
            subject=trial.label,
            remedy=pair("torchvision", torch, python, kb)
            if ours and not isinstance(torch, Missing)
            else Remedy("Install what the error names."),
        )


@rule("SMK052", severity=WARNING, subject="smoke")
def detectron2_model_zoo_fails(
    trial: Trial, python: PythonEnv | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """detectron2 works, and its model zoo cannot be imported.

    Why: `detectron2.model_zoo` imports `pkg_resources`, which is a part of setuptools that newer
    ones no longer have and new environments do not bring. Configurations by name, the demos and
    PySlowFast's predictor need it; own configurations do not.

    Confirm: it raises the same error.

        python -c "import detectron2.model_zoo"

    Fix: install an older setuptools.

    Sources: https://github.com/facebookresearch/detectron2/issues/5494
    https://setuptools.pypa.io/en/stable/history.html
    """
    if _failed(trial, "d2_zoo_import"):
        guards = kb.packages.guards_for(PACKAGE, None)
        pin = next((guard.pin for guard in guards if guard.package == "setuptools"), "")
        ours = "pkg_resources" in trial.detail and bool(pin)
        yield Finding(
            message=f"detectron2.model_zoo cannot be imported: {trial.detail}",
            evidence=said(trial),
            subject=trial.label,
            remedy=Remedy(
                "Install a setuptools that has it.",
                (install_command(python, (f"setuptools{pin}",)),),
                "safe",
            )
            if ours
            else Remedy("Install what the error names."),
        )


@rule("SMK053", severity=ERROR, subject="smoke")
def detectron2_operator_wrong(trial: Trial) -> Iterator[Finding]:
    """An operator of detectron2 computes wrong results.

    Why: the same operator in float64 on the CPU gives another result than rounding explains.
    Compiled for another card or with a broken compiler, changed code, or a faulty card; detections
    are then wrong without a word.

    Confirm: the same proof fails again, or fails on the GPU alone.

        envcheck detectron2 --run --device cpu

    Fix: compile detectron2 again; where it stays, see what `envcheck smoke torch` says of the card.

    Sources: https://pytorch.org/docs/stable/notes/numerical_accuracy.html
    """
    if not wrong(trial, "d2_op"):
        return
    if trial.measured is None:
        off = "gives NaN or infinity"
    elif trial.limit == 0:
        off = f"keeps the wrong boxes: {trial.measured:.0f} differ"
    else:
        off = f"is wrong: off by {trial.measured:.3g} deviations of the exact result"
    yield Finding(
        message=f"detectron2's {trial.name} on {trial.device} {off}.",
        evidence=said(trial),
        subject=trial.label,
    )


@rule("SMK054", severity=ERROR, subject="smoke")
def detectron2_operator_fails(
    trial: Trial,
    extensions: Extensions | Missing,
    torch: TorchBuild | Missing,
    python: PythonEnv | Missing,
    gpus: Gpus | Missing,
    environment: Environment | Missing,
    cuda: Cuda | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    """An operator of detectron2 ends in an error.

    Why: `Not compiled with GPU support` comes from a build that saw no GPU; `no kernel image is
    available` from one for other GPUs; `Could not run 'torchvision::nms' with arguments from the
    'CUDA' backend` from a torchvision for CPUs.

    Confirm: the same proof fails again.

        envcheck detectron2 --run

    Fix: compile it for this GPU: envcheck prints the command.

    Sources: https://detectron2.readthedocs.io/en/latest/tutorials/install.html#common-installation-issues
    """
    if not _failed(trial, "d2_op"):
        return
    remedy = None
    package = _package(extensions)
    if package and not isinstance(torch, Missing):
        if any(sign in trial.detail.lower() for sign in NO_CUDA):
            remedy = rebuild(package, torch, python, gpus, environment, cuda, kb)
        elif "torchvision::" in trial.detail:
            remedy = pair("torchvision", torch, python, kb)
    yield Finding(
        message=f"detectron2's {trial.name} on {trial.device} failed: {trial.detail}",
        evidence=said(trial),
        subject=trial.label,
        remedy=remedy,
    )


@rule("SMK055", severity=WARNING, subject="smoke")
def detectron2_other_copy_imported(
    trial: Trial, extensions: Extensions | Missing
) -> Iterator[Finding]:
    """The detectron2 that was imported is not the one whose files were examined.

    Why: a `.pth` file, an import hook or `sitecustomize` changes the path when Python starts. What
    was found out about the files then does not hold for what is imported.

    Confirm: it prints what is imported.

        python -c "import detectron2._C as c; print(c.__file__)"

    Fix: keep one copy of detectron2.

    Sources: https://docs.python.org/3/library/site.html
    """
    imported = trial.details.get("file", "")
    package = _package(extensions)
    if trial.check != "d2_import" or trial.status != "ok" or not imported or package is None:
        raise NotApplicable
    examined = [file.path for file in or_none(package.files) or ()]
    if imported not in examined:
        yield Finding(
            message=f"{imported} was imported, and"
            f" {' '.join(examined) or 'no compiled module'} examined.",
            evidence=(Evidence("imported", imported, "envcheck detectron2 --run"),),
            subject=trial.label,
        )


def _package(extensions: Extensions | Missing) -> Extension | None:
    packages = None if isinstance(extensions, Missing) else or_none(extensions.packages)
    found = (each for each in packages or () if isinstance(each, Extension))
    return next((each for each in found if each.name == PACKAGE), None)
