"""What the loader would load, over fixture roots whose libraries are small ELF files."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from envcheck.facts import NOT_ASKED, Library, Loader, Missing, TorchBuild, Why, absent
from envcheck.probes.host import Host
from envcheck.probes.interpreter import Interpreter
from envcheck.probes.loader import read_loader
from tests.binaries.build import elf
from tests.roots import FIFO, HOSTILE, Content, Files, Link, build_root

SITE = "/venv/lib/python3.11/site-packages"
TORCH = f"{SITE}/torch"
SYSTEM = "/usr/lib/x86_64-linux-gnu"
TOOLKIT = "/usr/local/cuda-12.0/lib64"

PATIENT = Interpreter(
    executable="/venv/bin/python",
    chosen_by="--python",
    version="3.11.7",
    implementation="cpython",
    tag="cp311-cp311",
    platform="linux-x86_64",
    prefix="/venv",
    manager="venv",
    path=("/usr/lib/python3.11", SITE),
)
BUILD = TorchBuild(version="2.4.0+cu121", path=TORCH, cuda="12.1")
RPATH = ":".join(
    [f"$ORIGIN/../../nvidia/{room}/lib" for room in ("cuda_runtime", "cudnn", "cusparse")]
    + ["$ORIGIN", "$ORIGIN/lib"]
)


def linked(*needed: str, **fields: Any) -> bytes:
    return elf(needed=needed, rpath=RPATH, **fields)


def wheel(room: str, package: str, **libraries: Content) -> dict[str, Content]:
    """Libraries of an nvidia-* wheel and its metadata folder; `libcudart_so_12=…`."""
    names = {name.replace("_so_", ".so."): data for name, data in libraries.items()}
    metadata: dict[str, Content] = {f"{SITE}/{package}.dist-info/METADATA": ""}
    return metadata | {f"{SITE}/nvidia/{room}/lib/{name}": data for name, data in names.items()}


# torch links with RPATH, NVIDIA's libraries with RUNPATH, as the real ones do.
MACHINE: dict[str, Content] = {
    "/venv/bin/python": elf(needed=["libc.so.6"]),
    f"{SYSTEM}/libc.so.6": elf(soname="libc.so.6"),
    f"{SYSTEM}/libstdc++.so.6": Link("libstdc++.so.6.0.30"),
    f"{SYSTEM}/libstdc++.so.6.0.30": elf(
        soname="libstdc++.so.6", provides=["GLIBCXX_3.4", "GLIBCXX_3.4.9", "GLIBCXX_3.4.30"]
    ),
    f"{TORCH}/__init__.py": "",
    f"{TORCH}/_C.cpython-311-x86_64-linux-gnu.so": linked("libtorch_python.so"),
    f"{TORCH}/lib/libtorch_global_deps.so": linked("libcudart.so.12"),
    f"{TORCH}/lib/libtorch_python.so": linked(
        "libtorch_cuda.so",
        "libstdc++.so.6",
        needs={"libstdc++.so.6": ["GLIBCXX_3.4.9", "GLIBCXX_3.4.22"], "libc.so.6": ["GLIBC_2.4"]},
    ),
    f"{TORCH}/lib/libtorch_cuda.so": linked(
        "libcudart.so.12", "libcusparse.so.12", "libcudnn.so.9", needs={"libm.so.6": ["GLIBC_2.28"]}
    ),
    **wheel("cuda_runtime", "nvidia_cuda_runtime_cu12-12.1.105", libcudart_so_12=elf()),
    **wheel(
        "cudnn",
        "nvidia_cudnn_cu12-9.1.0.70",
        libcudnn_so_9=elf(runpath="$ORIGIN"),
        libcudnn_ops_so_9=elf(runpath="$ORIGIN"),
    ),
    **wheel(
        "cusparse",
        "nvidia_cusparse_cu12-12.1.0.106",
        libcusparse_so_12=elf(
            needed=["libnvJitLink.so.12"],
            runpath="$ORIGIN:$ORIGIN/../../nvjitlink/lib",
            undefined=["jit_12_0", "jit_12_1", "malloc"],
        ),
    ),
    **wheel(
        "nvjitlink",
        "nvidia_nvjitlink_cu12-12.9.86",
        libnvJitLink_so_12=elf(defined=["jit_12_0", "jit_12_1", "jit_12_9"]),
    ),
}
# A toolkit and a cuDNN of other versions, as apt installs them.
OTHERS: dict[str, Content] = {
    f"{TOOLKIT}/libnvJitLink.so.12": Link("libnvJitLink.so.12.0.140"),
    f"{TOOLKIT}/libnvJitLink.so.12.0.140": elf(defined=["jit_12_0"]),
    f"{TOOLKIT}/libcudart.so.12": Link("libcudart.so.12.0.107"),
    f"{TOOLKIT}/libcudart.so.12.0.107": elf(),
    f"{TOOLKIT}/libcudnn.so.9": Link("libcudnn.so.9.3.0"),
    f"{TOOLKIT}/libcudnn.so.9.3.0": elf(),
    f"{TOOLKIT}/libcudnn_ops.so.9": Link("libcudnn_ops.so.9.3.0"),
    f"{TOOLKIT}/libcudnn_ops.so.9.3.0": elf(),
}
ON_PATH = {"LD_LIBRARY_PATH": f"/opt/none::{TOOLKIT}"}


def read(
    base: Path,
    files: Files,
    environ: Mapping[str, str] | None = None,
    patient: Interpreter | Missing = PATIENT,
    torch: TorchBuild | Missing = BUILD,
) -> Loader:
    loader = read_loader(Host(build_root(base, files), environ), patient, torch)
    assert isinstance(loader, Loader), loader
    return loader


def named(loader: Loader, name: str) -> Library:
    assert not isinstance(loader.libraries, Missing)
    return next(library for library in loader.libraries if library.name == name)


# ---- torch's CUDA libraries --------------------------------------------------------------------


def test_a_wheel_finds_its_own_libraries(tmp_path: Path) -> None:
    loader = read(tmp_path, MACHINE | OTHERS)
    assert not isinstance(loader.libraries, Missing)
    found = {lib.name: (lib.version, lib.via, lib.wanted_by) for lib in loader.libraries}
    assert found == {
        "libcudart.so.12": ("12.1.105", "RPATH", "libtorch_global_deps.so"),
        "libcusparse.so.12": ("12.1.0.106", "RPATH", "libtorch_cuda.so"),
        "libcudnn.so.9": ("9.1.0.70", "RPATH", "libtorch_cuda.so"),
        "libnvJitLink.so.12": ("12.9.86", "RUNPATH", "libcusparse.so.12"),
        "libcudnn_ops.so.9": ("9.1.0.70", "RUNPATH", "libcudnn.so.9"),
    }
    assert loader.shadowed == () == loader.not_found


def test_the_path_replaces_only_what_asks_by_runpath(tmp_path: Path) -> None:
    loader = read(tmp_path, MACHINE | OTHERS, ON_PATH)
    assert loader.ld_library_path == ("/opt/none", TOOLKIT)
    assert [library.name for library in loader.shadowed] == [
        "libnvJitLink.so.12",
        "libcudnn_ops.so.9",
    ]
    assert named(loader, "libnvJitLink.so.12") == Library(
        name="libnvJitLink.so.12",
        path=f"{TOOLKIT}/libnvJitLink.so.12.0.140",
        via="LD_LIBRARY_PATH",
        wanted_by="libcusparse.so.12",
        meant=f"{SITE}/nvidia/nvjitlink/lib/libnvJitLink.so.12",
        version="12.0.140",
        meant_version="12.9.86",
        lacks=("jit_12_1",),
    )


def test_an_older_library_may_have_all_that_is_needed(tmp_path: Path) -> None:
    enough: dict[str, Content] = {
        f"{TOOLKIT}/libnvJitLink.so.12.0.140": elf(defined=["jit_12_0", "jit_12_1"])
    }
    loader = read(tmp_path, MACHINE | OTHERS | enough, ON_PATH)
    assert named(loader, "libnvJitLink.so.12").lacks == ()


def test_one_folder_for_all_packages_of_a_cuda_release(tmp_path: Path) -> None:
    moved = {
        re.sub(r"nvidia/\w+/lib", "nvidia/cu13/lib", path).replace("_cu12", ""): data
        for path, data in MACHINE.items()
    }
    rpath = "$ORIGIN/../../nvidia/cu13/lib:$ORIGIN:$ORIGIN/lib"
    needed = ["libcudart.so.12", "libnvJitLink.so.12", "libcudnn.so.9"]
    moved[f"{TORCH}/lib/libtorch_global_deps.so"] = elf(needed=needed, rpath=rpath)
    loader = read(tmp_path, moved)
    assert named(loader, "libcudart.so.12").version == "12.1.105"
    assert named(loader, "libnvJitLink.so.12").version == "12.9.86"
    assert named(loader, "libcudnn_ops.so.9").version == "9.1.0.70"


NEWER = """
def _load_global_deps():
    try:
        ctypes.CDLL(global_deps_lib_path)
        {gate}
        with open("/proc/self/maps") as f:
            _maps = f.read()
        {call}
    except OSError as err:
        cuda_libs = {{
            'nvjitlink': 'libnvJitLink.so.*[0-9]',
            'cudnn': 'libcudnn.so.*[0-9]',
        }}
"""


@pytest.mark.parametrize(
    ("gate", "call", "shadowed"),
    [
        ("", "_preload_cuda_deps()", ["libcudnn_ops.so.9"]),
        ("", '_preload_cuda_deps("nvjitlink", "libnvJitLink.so.*[0-9]")', ["libcudnn_ops.so.9"]),
        ('if version.cuda in ["12.1", "12.4"]:', "_preload_cuda_deps()", ["libcudnn_ops.so.9"]),
        (
            'if version.cuda in ["12.4", "12.6"]:',
            "_preload_cuda_deps()",
            ["libnvJitLink.so.12", "libcudnn_ops.so.9"],
        ),
        ("", "pass", ["libnvJitLink.so.12", "libcudnn_ops.so.9"]),
    ],
)
def test_newer_torch_loads_some_by_path(
    tmp_path: Path, gate: str, call: str, shadowed: list[str]
) -> None:
    start = {f"{TORCH}/__init__.py": NEWER.format(gate=gate, call=call)}
    loader = read(tmp_path, MACHINE | OTHERS | start, ON_PATH)
    assert [library.name for library in loader.shadowed] == shadowed


def without(*words: str) -> dict[str, Content]:
    return {path: data for path, data in MACHINE.items() if not any(word in path for word in words)}


def test_a_library_found_nowhere(tmp_path: Path) -> None:
    loader = read(tmp_path, without("cusparse"))
    assert loader.not_found == ("libcusparse.so.12",)


def test_packages_in_another_site_folder_are_loaded_by_path(tmp_path: Path) -> None:
    """torch in a virtual environment, its CUDA packages in the system's: RPATH leads nowhere."""
    user = "/usr/lib/python3/dist-packages"
    moved = {path.replace(f"{SITE}/nvidia", f"{user}/nvidia"): d for path, d in MACHINE.items()}
    packages = [("cuda_runtime", "libcudart"), ("cudnn", "libcudnn"), ("cusparse", "libcusparse")]
    table = "".join(f"'{room}': '{library}.so.*[0-9]',\n" for room, library in packages)
    path = (*PATIENT.path, user)
    patient = Interpreter(
        **{**{f: getattr(PATIENT, f) for f in PATIENT.__struct_fields__}, "path": path}
    )
    loader = read(tmp_path / "a", moved | {f"{TORCH}/__init__.py": table}, patient=patient)
    assert loader.not_found == ()
    loader = read(tmp_path / "b", moved, patient=patient)
    assert loader.not_found == ("libcudart.so.12", "libcusparse.so.12", "libcudnn.so.9")


def test_without_torch_only_the_system_is_read(tmp_path: Path) -> None:
    loader = read(tmp_path, MACHINE, torch=absent("torch is not installed"))
    assert loader.libraries == loader.not_found == absent("torch is not installed")
    assert loader.libstdcxx_glibcxx == "3.4.30"


# ---- libcuda -----------------------------------------------------------------------------------

DRIVER: dict[str, Content] = {
    f"{SYSTEM}/libcuda.so.1": Link("libcuda.so.550.54.15"),
    f"{SYSTEM}/libcuda.so.550.54.15": elf(),
}
COMPAT: dict[str, Content] = {
    "/usr/local/cuda-12.8/compat/libcuda.so.1": Link("libcuda.so.570.86.15"),
    "/usr/local/cuda-12.8/compat/libcuda.so.570.86.15": elf(),
    "/usr/local/cuda": Link("cuda-12.8"),
}


def test_the_drivers_libcuda(tmp_path: Path) -> None:
    loader = read(tmp_path, MACHINE | DRIVER | COMPAT)
    own = f"{SYSTEM}/libcuda.so.550.54.15"
    assert loader.libcuda == Library("libcuda.so.1", own, "default", version="550.54.15")
    assert not isinstance(loader.libcuda_copies, Missing)
    assert [(copy.path, copy.version) for copy in loader.libcuda_copies] == [
        (own, "550.54.15"),
        ("/usr/local/cuda-12.8/compat/libcuda.so.570.86.15", "570.86.15"),
    ]


def test_a_compat_package_on_the_path(tmp_path: Path) -> None:
    on_path = {"LD_LIBRARY_PATH": "/usr/local/cuda/compat"}
    loader = read(tmp_path, MACHINE | DRIVER | COMPAT, on_path)
    assert loader.libcuda == Library(
        "libcuda.so.1",
        "/usr/local/cuda-12.8/compat/libcuda.so.570.86.15",
        "LD_LIBRARY_PATH",
        meant=f"{SYSTEM}/libcuda.so.550.54.15",
        version="570.86.15",
        meant_version="550.54.15",
    )


def test_libcuda_where_nobody_looks(tmp_path: Path) -> None:
    files = MACHINE | {"/usr/lib/wsl/lib/libcuda.so.1": elf()}
    loader = read(tmp_path, files)
    assert isinstance(loader.libcuda, Missing) and loader.libcuda.why is Why.ABSENT
    assert not isinstance(loader.libcuda_copies, Missing)
    assert [copy.path for copy in loader.libcuda_copies] == ["/usr/lib/wsl/lib/libcuda.so.1"]


def test_libcuda_for_another_word_size_is_none(tmp_path: Path) -> None:
    loader = read(tmp_path, MACHINE | {f"{SYSTEM}/libcuda.so.1": elf(bits=32, machine="i386")})
    assert isinstance(loader.libcuda, Missing)
    assert loader.libcuda_copies == ()


# ---- libstdc++ and glibc -----------------------------------------------------------------------


def test_what_torch_needs_and_libstdcxx_provides(tmp_path: Path) -> None:
    loader = read(tmp_path, MACHINE)
    assert (loader.libstdcxx_glibcxx, loader.glibcxx_needed) == ("3.4.30", "3.4.22")
    assert loader.glibc_needed == "2.28"


OLD = {"/opt/old/libstdc++.so.6": elf(soname="libstdc++.so.6", provides=["GLIBCXX_3.4.19"])}


def test_an_older_libstdcxx_on_the_path(tmp_path: Path) -> None:
    loader = read(tmp_path, MACHINE | OLD, {"LD_LIBRARY_PATH": "/opt/old"})
    assert loader.libstdcxx_glibcxx == "3.4.19"
    assert isinstance(loader.libstdcxx, Library)
    assert loader.libstdcxx.meant == f"{SYSTEM}/libstdc++.so.6.0.30"


def test_condas_interpreter_brings_its_own(tmp_path: Path) -> None:
    """Its RPATH comes before LD_LIBRARY_PATH, also for what torch's libraries need."""
    conda = {
        "/venv/bin/python": elf(needed=["libc.so.6"], rpath="$ORIGIN/../lib"),
        "/venv/lib/libstdc++.so.6": elf(soname="libstdc++.so.6", provides=["GLIBCXX_3.4.32"]),
    }
    loader = read(tmp_path, MACHINE | OLD | conda, {"LD_LIBRARY_PATH": "/opt/old"})
    assert loader.libstdcxx_glibcxx == "3.4.32"
    assert isinstance(loader.libstdcxx, Library)
    assert (loader.libstdcxx.via, loader.libstdcxx.meant) == ("RPATH", "")


def test_what_is_preloaded_comes_before_everything(tmp_path: Path) -> None:
    newer: dict[str, Content] = {
        "/opt/new/libstdc++.so.6.0.33": elf(soname="libstdc++.so.6", provides=["GLIBCXX_3.4.33"])
    }
    environ = {
        "LD_LIBRARY_PATH": "/opt/old",
        "LD_PRELOAD": "/opt/gone.so:/opt/new/libstdc++.so.6.0.33",
    }
    assert read(tmp_path, MACHINE | OLD | newer, environ).libstdcxx_glibcxx == "3.4.33"


# ---- odd machines ------------------------------------------------------------------------------


def test_another_root_without_variables_was_not_asked(tmp_path: Path) -> None:
    loader = read(tmp_path, MACHINE)
    assert loader.ld_library_path == loader.ld_preload == NOT_ASKED
    environ = {"LD_PRELOAD": "/opt/a.so:b.so"}
    assert read(tmp_path / "b", MACHINE, environ).ld_preload == ("/opt/a.so", "b.so")


def test_an_interpreter_that_is_a_script(tmp_path: Path) -> None:
    files = MACHINE | {"/venv/bin/python": "#!/bin/sh\n", "/bin/sh": elf(needed=["libc.so.6"])}
    assert read(tmp_path, files).not_found == ()


def test_no_program_at_all(tmp_path: Path) -> None:
    missing = read_loader(Host(build_root(tmp_path, {}), {}), absent("no python"), absent("no"))
    assert isinstance(missing, Missing) and missing.why is Why.ABSENT


def test_other_systems_have_other_loaders(tmp_path: Path) -> None:
    fields = {f: getattr(PATIENT, f) for f in PATIENT.__struct_fields__}
    mac = Interpreter(**{**fields, "platform": "darwin-arm64"})
    assert isinstance(read_loader(Host(str(tmp_path), {}), mac, BUILD), Missing)


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(
    "path",
    [
        f"{TORCH}/__init__.py",
        f"{TORCH}/lib/libtorch_cuda.so",
        f"{TORCH}/lib/libtorch_global_deps.so",
        f"{SITE}/nvidia/cudnn/lib/libcudnn.so.9",
        f"{SYSTEM}/libstdc++.so.6.0.30",
        "/etc/ld.so.cache",
        "/venv/bin/python",
    ],
)
def test_anything_may_stand_where_a_library_should(
    tmp_path: Path, path: str, content: Content
) -> None:
    files = MACHINE | OTHERS | {"/bin/sh": elf(), path: content}
    loader = read(tmp_path, files, ON_PATH)
    assert not isinstance(loader.libraries, Missing)


def test_a_fifo_on_the_path_is_passed_over(tmp_path: Path) -> None:
    files = MACHINE | {"/opt/odd/libnvJitLink.so.12": FIFO}
    loader = read(tmp_path, files, {"LD_LIBRARY_PATH": "/opt/odd"})
    assert loader.shadowed == ()
