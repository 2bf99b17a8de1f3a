"""What error messages in a pasted text tell, where its facts alone cannot. Pure.

The messages and their remedies are rows of the knowledge base; here is what they mean.
"""

from collections.abc import Iterator

from envcheck import compat
from envcheck.facts import (
    Gpus,
    Missing,
    PythonEnv,
    Symptom,
    Symptoms,
    TorchBuild,
    known,
    or_none,
)
from envcheck.finding import ERROR, WARNING, Evidence, Finding, Remedy, seen, words
from envcheck.kb import Knowledge
from envcheck.rules.base import NotApplicable, rule


def reported(name: str, symptoms: "Symptoms | Missing", kb: Knowledge) -> Iterator[Finding]:
    """A finding for the messages of this cause, with the remedy of the first."""
    if isinstance(symptoms, Missing):
        raise NotApplicable
    said = symptoms.named(name)
    if said:
        yield _told(said, kb)


def _told(said: tuple[Symptom, ...], kb: Knowledge) -> Finding:
    issue = kb.issues.by_id.get(said[0].issue)
    lines = tuple(dict.fromkeys(symptom.line for symptom in said))
    return Finding(
        subject="text",
        message=issue.cause if issue else f"The report says: {lines[0]}.",
        evidence=tuple(Evidence("message", line, "the text") for line in lines[:3]),
        remedy=Remedy(issue.fix, issue.commands, issue.safety) if issue else None,
    )


@rule("SYM001", severity=ERROR, subject="symptom")
def known_error_reported(
    symptoms: Symptoms | Missing, torch: TorchBuild | Missing, gpus: Gpus | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """An error message in the text tells a cause that the facts of the report do not show.

    Why: a report is half of a machine. That a compiled extension does not fit, or which library
    was found first, stands only in the error message beside it. The finding bears the name of the
    check whose cause the message tells.

    Confirm: run `envcheck doctor` on the machine itself; it looks at the files.

        envcheck doctor

    Fix: what the finding says; `envcheck explain --log FILE` says more about the message.

    Sources: https://pytorch.org/docs/stable/notes/cuda.html
    """
    from envcheck.rules import RULES

    if isinstance(symptoms, Missing):
        raise NotApplicable
    rules = {rule.name: rule for rule in RULES if rule.subject != "symptom"}
    for name in dict.fromkeys(symptom.name for symptom in symptoms.symptoms):
        if name == "extension_arch_missing" and _torch_lacks_arch(torch, gpus, kb):
            continue
        if name in rules and not _refuted(name, symptoms):
            finding = _told(symptoms.named(name), kb)
            inferred = all(s.issue.startswith(INFERRED) for s in symptoms.named(name))
            yield Finding(
                code=rules[name].code,
                name=name,
                title=rules[name].title,
                links=rules[name].links,
                severity=WARNING if inferred else ERROR,
                subject=finding.subject,
                message=finding.message,
                evidence=finding.evidence,
                remedy=finding.remedy,
            )


INFERRED = "report-"  # what follows from several fields of a report, not from a message
# Causes that keep torch from starting CUDA at all: a report in which it did refutes them.
_STOPS_CUDA = (
    "container_without_gpu",
    "cpu_only_build",
    "cuda_compat_shadow",
    "driver_library_mismatch",
    "driver_not_loaded",
    "driver_too_old",
    "fabric_manager_not_running",
    "fabric_manager_version_mismatch",
    "kernel_module_not_built",
    "libcuda_not_on_path",
    "no_gpu_on_this_machine",
    "nouveau_loaded",
    "wsl1_or_linux_driver_in_wsl",
    "wsl_gpu_count_limit",
)


def _refuted(name: str, symptoms: Symptoms) -> bool:
    return symptoms.cuda_available is True and name in _STOPS_CUDA


def _torch_lacks_arch(torch: "TorchBuild | Missing", gpus: "Gpus | Missing", kb: Knowledge) -> bool:
    """Whether torch itself has no code for a GPU: then an extension is not to blame."""
    if isinstance(torch, Missing) or isinstance(gpus, Missing) or isinstance(torch.sass, Missing):
        return False
    ptx = or_none(torch.ptx) or ()
    return any(
        isinstance(gpu.sm, str) and not compat.runs(torch.sass, ptx, gpu.sm, kb=kb).runs
        for gpu in gpus.known_devices()
    )


@rule("SYM002", severity=WARNING, subject="symptom")
def report_contradicts_symptom(
    symptoms: Symptoms | Missing, torch: TorchBuild | Missing
) -> Iterator[Finding]:
    """The report says that torch can use CUDA, the message beside it that it cannot.

    Why: the report was made by another interpreter, in another environment, session or container
    than the program that fails: another `python` on PATH, a notebook kernel, an IDE, a service, or
    another node. What the report shows is then not the machine that needs mending.

    Confirm: print both from within the program that fails.

        python -c "import sys, torch; print(sys.executable, torch.__version__, torch.cuda.is_available())"

    Fix: make the report with the interpreter, in the place and as the user of the failing program.

    Sources: https://pytorch.org/docs/stable/notes/cuda.html
    """  # noqa: E501
    if isinstance(symptoms, Missing):
        raise NotApplicable
    if known(symptoms.cuda_available) is not True:
        return
    told = [symptom for symptom in symptoms.symptoms if symptom.name in _STOPS_CUDA]
    told += symptoms.named("report_contradicts_symptom")
    if told:
        version = None if isinstance(torch, Missing) else or_none(torch.version)
        yield Finding(
            subject="text",
            message=f"The report says that torch {version or ''} can use CUDA, and the text beside"
            f" it: {told[0].line}",
            evidence=(
                *seen(symptoms, "cuda_available"),
                *(Evidence("message", symptom.line, "the text") for symptom in told[:3]),
            ),
            remedy=Remedy(
                "Make the report again with the interpreter of the failing program, where and as"
                " the user it runs.",
                ("python -m torch.utils.collect_env",),
                "safe",
            ),
        )


@rule("SYM003", severity=ERROR, subject="symptom")
def conda_solver_picked_cpu(
    python: PythonEnv | Missing, symptoms: Symptoms | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """conda chose the CPU build of PyTorch although CUDA was asked for.

    Why: conda's solver takes any build that satisfies the request. Where no CUDA build does (for
    this Python, this CUDA, or because `__cuda` is not seen on a login node or while an image is
    built), the CPU build does, without a word, and the CUDA packages stand useless beside it.

    Confirm: the build string says cpu.

        conda list pytorch

    Fix: ask for the CUDA build by name (`pytorch=*=*cuda*`), set CONDA_OVERRIDE_CUDA where no GPU
    is visible, or take the wheels from pip.

    Sources: https://docs.conda.io/projects/conda/en/stable/user-guide/tasks/manage-virtual.html
    https://conda-forge.org/docs/user/tipsandtricks/#installing-cuda-enabled-packages-like-tensorflow-and-pytorch
    """
    found = list(
        reported("conda_solver_picked_cpu", symptoms, kb)
        if not isinstance(symptoms, Missing)
        else ()
    )
    if found:
        yield found[0]
        return
    if isinstance(python, Missing):
        raise NotApplicable
    mine = next((dist for dist in python.find("torch") if dist.build), None)
    asked = [dist for dist in or_none(python.distributions) or () if dist.name in _CUDA_OF_CONDA]
    if mine is None:
        raise NotApplicable
    if "cpu" in mine.build and asked:
        yield Finding(
            message=f"conda installed the CPU build of torch {mine.version} ({mine.build}) beside"
            f" {asked[0].name} {asked[0].version}.",
            evidence=(
                Evidence("torch", f"{mine.version} {mine.build}", mine.path),
                Evidence(asked[0].name, words(asked[0].version), asked[0].path),
            ),
            remedy=Remedy(
                "Ask for the CUDA build by name.",
                ('conda install "pytorch=*=*cuda*"',),
                "safe",
            ),
        )


_CUDA_OF_CONDA = ("cudatoolkit", "pytorch-cuda", "cuda-version", "cuda-runtime", "cuda-cudart")
