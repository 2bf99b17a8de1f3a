"""Facts about which shared libraries the dynamic loader would take. Must not know how they are found."""

import msgspec

from envcheck.facts.base import NOT_ASKED, Fact, Missing


class Library(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="library"):
    """A shared library a process of the patient would load."""

    name: str  # SONAME asked for, "libcudnn.so.9"
    path: str  # the real file
    via: str = ""  # "RPATH", "LD_LIBRARY_PATH", "RUNPATH", "ld.so.cache", "default"
    version: str | Missing = NOT_ASKED


class Loader(Fact, frozen=True, kw_only=True, tag="loader"):
    """What the loader resolves, and copies of the same library elsewhere."""

    ld_library_path: tuple[str, ...] | Missing = NOT_ASKED
    libcuda: Library | Missing = NOT_ASKED  # what a bare dlopen("libcuda.so.1") gives
    libcuda_copies: tuple[str, ...] | Missing = NOT_ASKED  # every libcuda.so.1 found in known places
    # What torch's own libraries would get for each bundled library, and the copy meant for them:
    resolved: tuple[Library, ...] | Missing = NOT_ASKED
    bundled: tuple[Library, ...] | Missing = NOT_ASKED
    libstdcxx: Library | Missing = NOT_ASKED  # the libstdc++ the patient's Python would load
    libstdcxx_glibcxx: str | Missing = NOT_ASKED  # newest GLIBCXX_ version it provides, "3.4.30"
    glibcxx_needed: str | Missing = NOT_ASKED  # newest GLIBCXX_ version torch needs
    glibc_needed: str | Missing = NOT_ASKED  # newest GLIBC_ version torch needs
