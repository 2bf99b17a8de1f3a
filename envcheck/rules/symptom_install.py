"""Causes that only an error message shows: what each means. Pure.

What the messages look like, and how each is mended, are rows of the knowledge base.
"""

from collections.abc import Iterator

from envcheck.facts import Missing, Symptoms
from envcheck.finding import ERROR, Finding
from envcheck.kb import Knowledge
from envcheck.rules.base import rule
from envcheck.rules.symptom import reported


@rule("SYM004", severity=ERROR, subject="symptom")
def apt_repo_conflict(symptoms: Symptoms | Missing, kb: Knowledge) -> Iterator[Finding]:
    """Ubuntu's and NVIDIA's repositories offer driver packages that do not fit together.

    Why: both repositories offer packages called `nvidia-driver-…` and `libnvidia-…`, of unlike
    versions and dependencies. Without a pin that says which one wins apt mixes them and ends
    with `held broken packages`.

    Confirm: two origins offer it.

        apt-cache policy nvidia-driver cuda-drivers

    Fix: keep one of the two repositories, or pin NVIDIA's with its `cuda-repository-pin-600`
    file, then remove the packages of the other.

    Sources: https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/
    """
    return reported("apt_repo_conflict", symptoms, kb)


@rule("SYM005", severity=ERROR, subject="symptom")
def bnb_no_windows_build(symptoms: Symptoms | Missing, kb: Knowledge) -> Iterator[Finding]:
    """This bitsandbytes release has no library for Windows.

    Why: up to 0.42 its wheels hold Linux libraries only, so that its import ends in `CUDA Setup
    failed` or looks for a `.so` on Windows.

    Confirm: the version is below 0.43.

        python -m pip show bitsandbytes

    Fix: install 0.43 or newer.

    Sources: https://github.com/bitsandbytes-foundation/bitsandbytes/releases/tag/0.43.0
    """
    return reported("bnb_no_windows_build", symptoms, kb)


@rule("SYM006", severity=ERROR, subject="symptom")
def build_isolation_hides_torch(symptoms: Symptoms | Missing, kb: Knowledge) -> Iterator[Finding]:
    """pip builds a package in an environment of its own, where torch is not installed.

    Why: packages with CUDA kernels import torch in their setup script. pip's build isolation
    gives them an empty environment, and they stop with `No module named 'torch'`, though it is
    installed.

    Confirm: torch is there outside of the build.

        python -c "import torch; print(torch.__version__)"

    Fix: install torch, setuptools and wheel first, then build with `--no-build-isolation`.

    Sources: https://pip.pypa.io/en/stable/cli/pip_install/#cmdoption-no-build-isolation
    """
    return reported("build_isolation_hides_torch", symptoms, kb)


@rule("SYM008", severity=ERROR, subject="symptom")
def kernel_too_new_for_driver(symptoms: Symptoms | Missing, kb: Knowledge) -> Iterator[Finding]:
    """The driver's module does not compile for this kernel.

    Why: the kernel's internal interfaces change with every release; a driver compiles for those
    that were out when it was made. DKMS then leaves the new kernel without a module.

    Confirm: its last lines hold the compiler's error.

        tail -n 40 /var/lib/dkms/nvidia/*/build/make.log

    Fix: install a newer driver of the branch, or boot the kernel that the distribution
    supports.

    Sources: https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/
    """
    return reported("kernel_too_new_for_driver", symptoms, kb)


@rule("SYM009", severity=ERROR, subject="symptom")
def libcudart_not_found(symptoms: Symptoms | Missing, kb: Knowledge) -> Iterator[Finding]:
    """A library asks for a CUDA runtime that is not found.

    Why: a compiled package needs `libcudart.so` of one CUDA major version. torch's wheels bring
    their own below site-packages, which only torch itself finds; other programs need a toolkit
    or the wheel `nvidia-cuda-runtime` on their search path.

    Confirm: it prints where a runtime is.

        ldconfig -p | grep libcudart

    Fix: install the build of the package for torch's CUDA, or import torch before it.

    Sources: https://man7.org/linux/man-pages/man8/ld.so.8.html
    """
    return reported("libcudart_not_found", symptoms, kb)


@rule("SYM010", severity=ERROR, subject="symptom")
def no_wheel_for_this_python_or_index(
    symptoms: Symptoms | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """The package index has no file that fits this request.

    Why: pip and uv take only files for this Python, this platform and this version: a `+cu121`
    version is on PyTorch's index alone, a new Python has no wheels yet, and 32-bit Pythons
    never.

    Confirm: it prints the tags that would fit.

        python -m pip debug --verbose

    Fix: name the right index, another version or another Python.

    Sources: https://pytorch.org/get-started/locally/
    """
    return reported("no_wheel_for_this_python_or_index", symptoms, kb)


@rule("SYM011", severity=ERROR, subject="symptom")
def numpy_too_new_alias(symptoms: Symptoms | Missing, kb: Knowledge) -> Iterator[Finding]:
    """Code uses names that NumPy 1.24 removed.

    Why: `np.bool`, `np.int`, `np.float` and `np.object` were other names of Python's own types,
    deprecated in 1.20 and gone since 1.24.

    Confirm: it prints 1.24 or newer.

        python -c "import numpy; print(numpy.__version__)"

    Fix: update the package that uses them, or install `numpy<1.24`.

    Sources: https://numpy.org/doc/stable/release/1.24.0-notes.html
    """
    return reported("numpy_too_new_alias", symptoms, kb)
