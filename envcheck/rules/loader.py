"""Checks of what the dynamic loader finds for torch; libcuda is judged by itself. Pure."""

from collections.abc import Iterator

from envcheck.facts import Host, Library, Loader, Missing, PythonEnv, TorchBuild, known, or_none
from envcheck.finding import ERROR, Effect, Evidence, Finding, Remedy, seen, words
from envcheck.kb import Knowledge
from envcheck.rules import shadow
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.install_packages import install_command
from envcheck.rules.versions import ordered


@rule("LIB001", severity=ERROR, subject="loader")
def ld_library_path_shadow(loader: Loader) -> Iterator[Finding]:
    """LD_LIBRARY_PATH puts another CUDA library in the place of the one torch was built with.

    Why: torch brings its CUDA libraries along. Some of them look for their own needs on
    LD_LIBRARY_PATH first, and a toolkit's copy is loaded instead. It works as long as it has the
    symbols that are asked of it; an older one fails with `undefined symbol:
    __nvJitLinkComplete_12_4` and the like. envcheck compares the symbols themselves.

    Confirm: torch imports without it.

        env -u LD_LIBRARY_PATH python -c "import torch"

    Fix: start without that folder in LD_LIBRARY_PATH. torch needs no entry there.

    Sources: https://man7.org/linux/man-pages/man8/ld.so.8.html
    https://github.com/pytorch/pytorch/issues/138460
    """
    libraries = known(loader.libraries)
    judged = shadow.judged(lib for lib in loader.shadowed if not shadow.has_own_rule(lib))
    if not libraries:
        raise NotApplicable
    if judged:
        yield shadow.finding(judged, loader)


@rule("LIB002", severity=ERROR, subject="loader")
def cudnn_shadowed(loader: Loader) -> Iterator[Finding]:
    """LD_LIBRARY_PATH puts another cuDNN, or parts of one, in the place of torch's own.

    Why: cuDNN opens its parts (libcudnn_ops, libcudnn_cnn …) by name when they are first used, and
    LD_LIBRARY_PATH comes before its own folder. Parts of two versions fail with
    `CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH` or `CUDNN_STATUS_NOT_INITIALIZED`; torch refuses an
    older one with `cuDNN version incompatibility`.

    Confirm: it works without the variable.

        env -u LD_LIBRARY_PATH python -c "import torch; print(torch.backends.cudnn.version())"

    Fix: start without that folder in LD_LIBRARY_PATH. torch brings its own cuDNN.

    Sources: https://docs.nvidia.com/deeplearning/cudnn/backend/latest/api/cudnn-graph-library.html
    https://github.com/pytorch/pytorch/issues/80637
    """
    cudnn = tuple(lib for lib in known(loader.libraries) if shadow.is_cudnn(lib))
    if not cudnn:
        raise NotApplicable
    mixed = len({lib.path.rpartition("/")[0] for lib in cudnn}) > 1
    judged = shadow.judged((lib for lib in loader.shadowed if shadow.is_cudnn(lib)), mixed=mixed)
    if judged:
        yield shadow.finding(judged, loader)


@rule("LIB005", severity=ERROR, subject="loader")
def glibc_too_old(
    host: Host, loader: Loader | Missing, torch: TorchBuild | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """The system's glibc is older than torch's libraries need.

    Why: a library linked against a newer glibc does not load: `version 'GLIBC_2.28' not found`.
    glibc belongs to the operating system and cannot be replaced by itself.

    Confirm: it prints the system's version.

        ldd --version

    Fix: a newer release of the operating system, a container with one, or an older torch.

    Sources: https://github.com/pypa/manylinux
    https://github.com/pytorch/pytorch/blob/main/RELEASE.md
    """
    here = ordered(host.glibc)
    needed, source = _glibc_needed(loader, torch, kb)
    if here < ordered(needed):
        yield Finding(
            message=f"torch needs glibc {needed}, this system has {words(host.glibc)}.",
            evidence=(*seen(host, "glibc", "os_name"), Evidence("needed glibc", needed, source)),
            remedy=Remedy(
                "Upgrade the operating system, run torch in a container with a newer one, or"
                " install an older torch."
            ),
        )


def _glibc_needed(
    loader: Loader | Missing, torch: TorchBuild | Missing, kb: Knowledge
) -> tuple[str, str]:
    """What the libraries ask for; where they were not read, what is known of the wheel."""
    if not isinstance(loader, Missing) and isinstance(loader.glibc_needed, str):
        return loader.glibc_needed, loader.source("glibc_needed")
    version = known(known(torch).version)
    public, cuda = version.partition("+")[0], known(known(torch).cuda)
    for build in kb.builds.of(public):
        if build.cuda == cuda and build.glibc:
            return build.glibc, build.source
    return known(known(loader).glibc_needed), ""


@rule("LIB006", severity=ERROR, subject="loader")
def libstdcxx_too_old(
    loader: Loader, python: PythonEnv | Missing, torch: TorchBuild | Missing
) -> Iterator[Finding]:
    """The libstdc++ that Python loads is older than torch's libraries need.

    Why: a process holds one libstdc++, the first that is found. An old one on LD_LIBRARY_PATH, in a
    conda environment or of the system gives `version 'GLIBCXX_3.4.30' not found`.

    Confirm: it prints the file that is loaded; `strings FILE | grep GLIBCXX` lists its versions.

        python -c "import ctypes; ctypes.CDLL('libstdc++.so.6'); print({l.split()[-1] for l in open('/proc/self/maps') if 'libstdc++' in l})"

    Fix: take the folder with the old copy out of LD_LIBRARY_PATH, or update libstdc++ in the conda
    environment.

    Sources: https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html
    """  # noqa: E501
    if ordered(loader.libstdcxx_glibcxx) >= ordered(loader.glibcxx_needed):
        return
    library = known(loader.libstdcxx)
    yield Finding(
        message=f"torch needs GLIBCXX_{words(loader.glibcxx_needed)}; {library.path} has no newer"
        f" than GLIBCXX_{words(loader.libstdcxx_glibcxx)}.",
        evidence=(
            *seen(loader, "libstdcxx_glibcxx", "glibcxx_needed", "ld_library_path"),
            Evidence("libstdc++", library.path, library.via),
        ),
        remedy=_newer_libstdcxx(loader, library, python),
    )


def _newer_libstdcxx(loader: Loader, library: Library, python: PythonEnv | Missing) -> Remedy:
    if library.via == "LD_LIBRARY_PATH":
        return Remedy(
            "Start without that folder in LD_LIBRARY_PATH.",
            (shadow.path_command(loader, (library,)),),
            "safe",
        )
    if library.path in (or_none(loader.ld_preload) or ()):
        return Remedy("Start without it in LD_PRELOAD.", ("unset LD_PRELOAD",), "safe")
    if not isinstance(python, Missing) and python.manager == "conda":
        return _condas_libstdcxx(library, python)
    return Remedy(
        "Upgrade the operating system, or run torch in a conda environment or a container, which"
        " bring a newer libstdc++."
    )


def _condas_libstdcxx(library: Library, python: PythonEnv) -> Remedy:
    names = ("libstdcxx", "libstdcxx-ng")
    records = [dist.name for name in names for dist in python.find(name)]
    prefix = words(python.prefix)
    if not records:
        verb, name = "install", names[1]
    elif library.path.startswith(f"{prefix}/"):
        verb, name = "update", records[0]
    else:  # the environment has it, and its files are gone
        verb, name = "install --force-reinstall", records[0]
    return Remedy(
        "Let the conda environment have a newer libstdc++ of its own.",
        (f"conda {verb} -p {shadow.quoted(prefix)} -c conda-forge {name}",),
        "safe",
    )


@rule("LIB007", severity=ERROR, subject="loader")
def cuda_library_not_found(
    loader: Loader, torch: TorchBuild, python: PythonEnv | Missing
) -> Iterator[Finding]:
    """A CUDA library that torch is linked to is nowhere to be found.

    Why: torch's wheels take CUDA from packages of their own (nvidia-cublas-cu12 …). When one of
    them was removed, or torch was installed without them, `import torch` fails with `cannot open
    shared object file`.

    Confirm: the import names the library.

        python -c "import torch"

    Fix: install the packages torch asks for again.

    Sources: https://pip.pypa.io/en/stable/cli/pip_check/
    """
    lost = known(loader.not_found)
    if lost:
        yield Finding(
            message=f"torch {words(torch.version)} needs {words(lost)}, found nowhere.",
            evidence=seen(loader, "not_found", "ld_library_path"),
            remedy=_cuda_packages(torch, python),
        )


def _cuda_packages(torch: TorchBuild, python: PythonEnv | Missing) -> Remedy:
    pins = [pin for pin in or_none(torch.pins) or () if pin.name.startswith("nvidia-")]
    lost = [pin for pin in pins if pin.installed is None] or pins
    if not lost:
        return Remedy("Install torch again, together with the CUDA libraries it was built for.")
    copies = () if isinstance(python, Missing) else python.find("torch")
    command = install_command(
        python,
        tuple(pin.name + pin.specifier for pin in lost),
        like=copies[0] if copies else None,
        options="--force-reinstall --no-deps",
    )
    return Remedy(
        "Install the CUDA packages torch asks for.",
        (command,),
        "safe",
        (Effect("loader.not_found", ()),),
    )
