import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from envcheck.binaries.elf import read_elf
from envcheck.binaries.errors import Malformed, Unsupported
from envcheck.binaries.source import BytesSource, FileSource
from envcheck.binaries.symbols import SymbolTable, Undefined
from envcheck.binaries.versions import needed_versions, newest
from tests.binaries.build import elf
from tests.binaries.reading import Meter
from tests.binaries.system import LIBC, LIBSTDCXX, SYSTEM_FILES

NAMES = [f"_ZN2at{len(str(n)) + 4}func{n}Ev" for n in range(40)]


def table(**options: object) -> SymbolTable:
    return SymbolTable(read_elf(BytesSource(elf(**options))))  # type: ignore[arg-type]


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("style", ["gnu", "sysv"])
@pytest.mark.parametrize("stripped", [False, True])
def test_names_defined_and_wanted(bits: int, style: str, stripped: bool) -> None:
    found = table(
        defined=NAMES[:30],
        undefined=["cudaMalloc", NAMES[39]],
        weak=["__gmon_start__"],
        bits=bits,
        hash_style=style,
        stripped=stripped,
        machine="i386" if bits == 32 else "x86_64",
    )
    assert found.undefined() == Undefined(("cudaMalloc", NAMES[39]), ("__gmon_start__",))
    assert found.missing(NAMES) == tuple(NAMES[30:])
    assert not found.defines("cudaMalloc")  # it is only asked for
    assert not found.defines(NAMES[0][:-1])
    assert not found.defines("")


def test_a_file_without_symbols_defines_nothing() -> None:
    found = table()
    assert not found.defines("main")
    assert found.undefined() == Undefined()


def test_without_section_table_and_hashes_nothing_can_be_counted() -> None:
    found = table(undefined=["cudaMalloc"], stripped=True)
    with pytest.raises(Unsupported, match="how many symbols"):
        found.undefined()
    assert not found.defines("cudaMalloc")


@pytest.mark.parametrize("path", SYSTEM_FILES, ids=str)
def test_agrees_with_pyelftools(path: Path) -> None:
    with FileSource(path) as source, path.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".dynsym")
        assert isinstance(section, SymbolTableSection)
        defined: set[str] = set()
        strong: list[str] = []
        weak: list[str] = []
        for symbol in section.iter_symbols():
            bind, where = symbol["st_info"]["bind"], symbol["st_shndx"]
            if where == "SHN_UNDEF" and symbol.name:
                (strong if bind == "STB_GLOBAL" else weak).append(symbol.name)
            elif symbol.name and bind != "STB_LOCAL":
                defined.add(symbol.name)
        found = SymbolTable(read_elf(source))
        assert found.undefined() == Undefined(tuple(strong), tuple(weak))
        assert found.missing(defined) == ()
        absent = {name + "_x" for name in defined} | set(strong) - defined
        assert set(found.missing(absent)) == absent


@pytest.mark.skipif(not LIBSTDCXX, reason="no compiler to ask where libstdc++ is")
def test_a_question_reads_next_to_nothing() -> None:
    with FileSource(LIBSTDCXX[0]) as file:
        meter = Meter(file)
        found = SymbolTable(read_elf(meter))
        assert found.defines("_ZNSt8ios_base4InitC1Ev")
        before = meter.taken
        assert found.defines("_ZSt4cout")
        assert not found.defines("_ZN2at4_ops5zeros4callEv")
        assert meter.taken - before < 1000


def test_chains_that_do_not_end() -> None:
    data = bytearray(elf(defined=["alpha"], hash_style="sysv"))
    found = read_elf(BytesSource(bytes(data)))
    at = found.offset_of(found.dynamic[4][0])
    struct.pack_into("<I", data, at + 12 + 4, 1)  # symbol 1 is followed by symbol 1
    with pytest.raises(Malformed, match="endless"):
        SymbolTable(read_elf(BytesSource(bytes(data)))).defines("beta")
    struct.pack_into("<I", data, at + 8, 77)
    with pytest.raises(Malformed, match="outside itself"):
        SymbolTable(read_elf(BytesSource(bytes(data)))).defines("beta")


def test_an_impossible_bloom_filter() -> None:
    data = bytearray(elf(defined=["alpha"]))
    found = read_elf(BytesSource(bytes(data)))
    at = found.offset_of(found.dynamic[0x6FFFFEF5][0])
    struct.pack_into("<I", data, at + 8, 0)
    with pytest.raises(Malformed, match="Bloom"):
        SymbolTable(read_elf(BytesSource(bytes(data)))).defines("alpha")


# ---- against a real compiler and linker -------------------------------------------------------

CC = shutil.which("gcc")


@pytest.mark.skipif(CC is None, reason="no gcc here")
@pytest.mark.parametrize("style", ["gnu", "sysv", "both"])
def test_a_library_made_by_gcc(tmp_path: Path, style: str) -> None:
    code = tmp_path / "x.c"
    code.write_text(
        "#include <stdio.h>\n#include <math.h>\n"
        "extern int torch_needs_this(int);\n"
        "extern int maybe_there(void) __attribute__((weak));\n"
        + "".join(f"int exported_{i}(void) {{ return {i}; }}\n" for i in range(200))
        + "static int hidden(double x) { return (int)pow(x, x); }\n"
        'int entry(double x) { puts("x"); return torch_needs_this(hidden(x)) + '
        "(maybe_there ? maybe_there() : 0); }\n"
    )
    library = tmp_path / "libx.so"
    linker = f"-Wl,--hash-style={style},-soname,libx.so.3,-rpath,$ORIGIN/deps"
    command = [str(CC), "-shared", "-fPIC", "-O0", linker, "-o", str(library), str(code), "-lm"]
    subprocess.run(command, check=True)
    with FileSource(library) as source:
        found = read_elf(source)
        symbols = SymbolTable(found)
        assert found.soname == "libx.so.3"
        assert "$ORIGIN/deps" in (found.runpath, found.rpath)
        assert {"libm.so.6", "libc.so.6"} >= set(found.needed) >= {"libc.so.6"}
        wanted = symbols.undefined()
        assert {"torch_needs_this", "puts"} <= set(wanted.strong)
        assert "maybe_there" in wanted.weak
        assert symbols.missing([f"exported_{i}" for i in range(200)] + ["entry"]) == ()
        assert symbols.missing(["hidden", "torch_needs_this", "puts", "exported_200"]) == (
            "hidden",
            "torch_needs_this",
            "puts",
            "exported_200",
        )
        versions = needed_versions(found)
        assert newest(versions["libc.so.6"], "GLIBC") is not None
    with FileSource(LIBC) as source:
        libc = SymbolTable(read_elf(source))
        assert libc.missing(["puts", "torch_needs_this"]) == ("torch_needs_this",)
