"""Facts about the patient's Python environment. Must not know how they are found."""

import msgspec

from envcheck.facts.base import NOT_ASKED, Fact, Missing


class Distribution(msgspec.Struct, frozen=True, omit_defaults=True):
    """One installed distribution, as its metadata says."""

    name: str  # normalised: lower case, dashes
    version: str
    path: str = ""  # folder of its metadata
    installer: str = ""  # INSTALLER: "pip", "uv", "conda"
    build: str = ""  # conda build string, "py311_cuda12.1_0"


class PythonEnv(Fact, frozen=True, kw_only=True, tag="python"):
    """The interpreter under examination and what is installed for it."""

    executable: str | Missing = NOT_ASKED
    chosen_by: str | Missing = NOT_ASKED  # "--python", "VIRTUAL_ENV", "CONDA_PREFIX", "PATH"
    version: str | Missing = NOT_ASKED  # "3.11.7"
    implementation: str | Missing = NOT_ASKED  # "cpython"
    tag: str | Missing = NOT_ASKED  # interpreter and ABI, "cp311-cp311"
    platform: str | Missing = NOT_ASKED  # "linux-x86_64"
    prefix: str | Missing = NOT_ASKED
    manager: str | Missing = NOT_ASKED  # "venv", "conda", "system"
    path: tuple[str, ...] | Missing = NOT_ASKED  # sys.path as the patient would have it
    distributions: tuple[Distribution, ...] | Missing = NOT_ASKED
    broken: tuple[str, ...] | Missing = NOT_ASKED  # metadata folders that could not be read

    def find(self, name: str) -> tuple[Distribution, ...]:
        """Every copy of a distribution, the one Python would import first."""
        if isinstance(self.distributions, Missing):
            return ()
        return tuple(dist for dist in self.distributions if dist.name == name)
