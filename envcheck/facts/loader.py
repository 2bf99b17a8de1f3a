"""Facts about which shared libraries the dynamic loader would take.

Must not know how they are found.
"""

import msgspec

from envcheck.facts.base import NOT_ASKED, Fact, Missing


class Library(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="library"):
    """A shared library a process of the patient would load."""

    name: str  # SONAME asked for, "libcudnn.so.9"
    path: str  # the real file, links followed
    via: str = ""  # "RPATH", "LD_LIBRARY_PATH", "RUNPATH", "ld.so.cache", "default"
    wanted_by: str = ""  # file that needs it, "libtorch_cuda.so"; "" : a bare dlopen
    meant: str = ""  # the file it would get with LD_LIBRARY_PATH unset; "" : the same or none
    version: str | Missing = NOT_ASKED
    meant_version: str | Missing = NOT_ASKED
    lacks: tuple[str, ...] | Missing = NOT_ASKED  # symbols `wanted_by` needs: in `meant`, not here


class Loader(Fact, frozen=True, kw_only=True, tag="loader"):
    """What the loader resolves for torch's libraries, and copies of libcuda elsewhere."""

    ld_library_path: tuple[str, ...] | Missing = NOT_ASKED
    ld_preload: tuple[str, ...] | Missing = NOT_ASKED
    libcuda: Library | Missing = NOT_ASKED  # what a bare dlopen("libcuda.so.1") gives
    libcuda_copies: tuple[Library, ...] | Missing = NOT_ASKED  # every libcuda.so.1 in known places
    libraries: tuple[Library, ...] | Missing = NOT_ASKED  # CUDA libraries torch and they need
    not_found: tuple[str, ...] | Missing = NOT_ASKED  # CUDA libraries needed and found nowhere
    libstdcxx: Library | Missing = NOT_ASKED  # the libstdc++ the patient's Python would load
    libstdcxx_glibcxx: str | Missing = NOT_ASKED  # newest GLIBCXX_ version it provides, "3.4.30"
    glibcxx_needed: str | Missing = NOT_ASKED  # newest GLIBCXX_ version torch needs
    glibc_needed: str | Missing = NOT_ASKED  # newest GLIBC_ version torch needs

    @property
    def shadowed(self) -> tuple[Library, ...]:
        """Libraries for which LD_LIBRARY_PATH puts another file before the one meant."""
        if isinstance(self.libraries, Missing):
            return ()
        return tuple(lib for lib in self.libraries if lib.meant and lib.meant != lib.path)
