"""Everything the package can be asked about one file, for tests of bad input."""

from envcheck.binaries.archflags import read_arch_flags
from envcheck.binaries.elf import Elf, read_elf
from envcheck.binaries.errors import BinaryError
from envcheck.binaries.fatbin import read_elf_gpu_code
from envcheck.binaries.source import ByteSource
from envcheck.binaries.symbols import SymbolTable
from envcheck.binaries.versions import needed_versions, provided_versions


class Meter:
    """A source that counts the bytes read through it."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.size = source.size
        self.taken = 0

    def read_at(self, offset: int, n: int) -> bytes:
        data = self._source.read_at(offset, n)
        assert len(data) == n
        self.taken += n
        return data


QUESTIONS = (
    lambda elf: (elf.sections, elf.segments),
    lambda elf: (elf.needed, elf.soname, elf.rpath, elf.runpath, elf.no_default_folders),
    lambda elf: (elf.interpreter, elf.build_id),
    needed_versions,
    provided_versions,
    read_elf_gpu_code,
    lambda elf: SymbolTable(elf).undefined(),
    lambda elf: SymbolTable(elf).missing(["memcpy", "alpha", ""]),
    lambda elf: read_arch_flags(elf.source),
)


def ask_everything(source: ByteSource) -> list[BinaryError]:
    """The errors of all questions; anything but an answer or a `BinaryError` gets through."""
    try:
        elf: Elf = read_elf(source)
    except BinaryError as error:
        return [error]
    errors = []
    for question in QUESTIONS:
        try:
            question(elf)
        except BinaryError as error:
            errors.append(error)
    return errors
