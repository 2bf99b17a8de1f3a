"""Checks of proofs that were run: SlowFast and its kin. Pure; only `envcheck smoke` runs proofs."""

from collections.abc import Iterator

from envcheck.facts import Missing, PythonEnv, Trial
from envcheck.finding import ERROR, NOTE, WARNING, Evidence, Finding, Remedy
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.install import interpreter
from envcheck.rules.smoke import NAMED, said, wrong

# What its models import; its own requirements pull in decoders and torchvision as well.
NEEDED = "pytorchvideo fvcore iopath portalocker termcolor tabulate tqdm"


@rule("SMK020", severity=ERROR, subject="smoke")
def pytorchvideo_import_fails(trial: Trial, python: PythonEnv | Missing) -> Iterator[Finding]:
    """The models of pytorchvideo cannot be imported.

    Why: pytorchvideo, or something its models need, is not installed for this interpreter, or is
    broken. torchvision is not needed: a stub takes its place.

    Confirm: it raises the same error.

        python -c "import pytorchvideo.models.hub"

    Fix: install it without its requirements, which bring decoders that the models do not use.

    Sources: https://pytorchvideo.readthedocs.io/en/latest/
    https://github.com/facebookresearch/pytorchvideo/blob/main/INSTALL.md
    """
    if trial.check != "models_import" or trial.reason in NAMED:
        raise NotApplicable
    if trial.status == "failed":
        pip = f"{interpreter(python)} -m pip install"
        yield Finding(
            message=f"pytorchvideo cannot be imported: {trial.detail}",
            evidence=said(trial),
            subject=trial.label,
            remedy=Remedy(
                "Install it and what its models need.",
                (f"{pip} numpy", f"{pip} --no-deps {NEEDED}"),
                "safe",
            ),
        )


@rule("SMK021", severity=NOTE, subject="smoke")
def torchvision_stubbed(trial: Trial) -> Iterator[Finding]:
    """The models were proved with a stub in the place of torchvision.

    Why: torchvision is absent, or it is built for another torch and fails at its import. Models of
    classification do not call it; detection heads (RoIAlign) and pytorchvideo.transforms do.

    Confirm: it raises an error.

        python -c "import torchvision.ops"

    Fix: nothing where it is absent on purpose; a broken one has to match torch: `envcheck doctor`
    names the version.

    Sources: https://github.com/pytorch/vision#installation
    """
    if trial.check != "models_import" or trial.status != "ok":
        raise NotApplicable
    state = trial.details.get("torchvision", "")
    if state == "absent":
        yield Finding(
            message="torchvision is absent; a stub took its place.",
            evidence=(Evidence("torchvision", state, "envcheck smoke"),),
            subject=trial.label,
        )
    elif state == "broken":
        error = trial.details.get("torchvision error", "")
        yield Finding(
            severity=WARNING,
            message=f"torchvision is installed and cannot be imported; a stub took its place:"
            f" {error}",
            evidence=(Evidence("torchvision", error, "envcheck smoke"),),
            subject=trial.label,
            remedy=Remedy("Let doctor name the version that fits torch.", ("envcheck doctor",)),
        )


@rule("SMK022", severity=WARNING, subject="smoke")
def pytorchvideo_transforms_fail(trial: Trial, python: PythonEnv | Missing) -> Iterator[Finding]:
    """pytorchvideo's transforms cannot be imported, although its models can.

    Why: the release on the package index asks torchvision for `transforms.functional_tensor`, which
    newer torchvision no longer has. The head of its repository is mended and bears the same
    version number, so that only an import tells.

    Confirm: it raises the same error.

        python -c "import pytorchvideo.transforms"

    Fix: install the head of the repository, or write the transforms without it: docs/slowfast.md.

    Sources: https://github.com/facebookresearch/pytorchvideo/issues/258
    """
    if trial.check != "transforms_import" or trial.reason in NAMED:
        raise NotApplicable
    if trial.status == "failed":
        repository = "https://github.com/facebookresearch/pytorchvideo"
        yield Finding(
            message=f"pytorchvideo.transforms cannot be imported: {trial.detail}",
            evidence=said(trial),
            subject=trial.label,
            remedy=Remedy(
                "Install the head of its repository, which is mended.",
                (
                    f"{interpreter(python)} -m pip install --force-reinstall --no-deps"
                    f" git+{repository}",
                ),
                "safe",
            ),
        )


@rule("SMK023", severity=ERROR, subject="smoke")
def model_count_differs(trial: Trial) -> Iterator[Finding]:
    """A model has other parameters, or does other work, than the published architecture.

    Why: its code was changed, or another package stands under the same name. Published checkpoints
    do not fit it, and its accuracy is not the published one.

    Confirm: count them; the catalogue names the exact number.

        python -c "import pytorchvideo; print(pytorchvideo.__file__)"

    Fix: install pytorchvideo again.

    Sources: https://github.com/facebookresearch/pytorchvideo/blob/main/docs/source/model_zoo.md
    """
    if trial.check not in ("parameters", "flops") or trial.status != "ok":
        raise NotApplicable
    if trial.measured is None or trial.expected is None:
        raise NotApplicable
    if trial.measured != trial.expected:
        yield Finding(
            message=f"{trial.name}: {trial.measured:.0f}, the architecture has"
            f" {trial.expected:.0f}.",
            evidence=(Evidence(trial.label, f"{trial.measured:.0f}", "envcheck smoke"),),
            subject=trial.label,
        )


@rule("SMK024", severity=ERROR, subject="smoke")
def golden_mismatch(trial: Trial) -> Iterator[Finding]:
    """A model computes other numbers than it must, from weights and a clip known to the last bit.

    Why: weights and clip are the same on every machine, so that the logits must be. The place named
    is the first whose output differs: "input" is the way from video to clip, a block is the model.
    Agreement of the five best classes proves nothing: it survives most faults.

    Confirm: the same difference comes again on the CPU, or does not, and then the GPU is at fault.

        envcheck smoke slowfast --device cpu

    Fix: a difference on every device is the installation: reinstall torch and pytorchvideo. On one
    device only, see what `envcheck smoke torch` says of it.

    Sources: https://pytorch.org/docs/stable/notes/numerical_accuracy.html
    """
    if trial.check == "golden" and trial.details.get("first difference") and trial.status == "ok":
        off = True  # a place may be off where the logits are not
    else:
        off = wrong(trial, "golden")
    if off:
        place = trial.details.get("first difference", "the logits")
        size = "NaN or infinity" if trial.measured is None else f"off by {trial.measured:.3g}"
        most = "" if trial.limit is None else f", at most {trial.limit:.3g} is right"
        yield Finding(
            message=f"{trial.name} on {trial.device}: the logits are {size}{most}, in their"
            f" deviations. First difference: {place}.",
            evidence=said(trial),
            subject=trial.label,
            remedy=Remedy("See whether the device itself is right.", ("envcheck smoke torch",)),
        )


@rule("SMK031", severity=ERROR, subject="smoke")
def training_step_wrong(trial: Trial) -> Iterator[Finding]:
    """One training step did not lower the loss, or gave no finite gradient.

    Why: a step along the gradient, small enough, must lower the loss. The backward pass of some
    operator is wrong here.

    Confirm: it fails again, or does not on the CPU.

        envcheck smoke slowfast --train-step --device cpu

    Fix: as for golden_mismatch.

    Sources: https://pytorch.org/docs/stable/notes/numerical_accuracy.html
    """
    if trial.check == "train" and trial.reason == "no_gradient":
        off = True
    else:
        off = wrong(trial, "train")
    if off:
        what = trial.detail or trial.details.get("loss", "")
        yield Finding(
            message=f"The training step on {trial.device} is wrong: {what}.",
            evidence=said(trial),
            subject=trial.label,
        )
