"""An inspection as text for people, or as JSON."""

from collections.abc import Iterator

import msgspec

from envcheck.binaries.loader import Found
from envcheck.inspection import Binary, Code, Inspection, Target, TorchNeeds
from envcheck.render.style import Style, plain

SHOWN = 3  # missing symbols in the text; --verbose shows all
LABEL = 16  # columns

_VIA = {"default": "system folder", "path": "by path"}
Row = tuple[str, str]


def render(inspection: Inspection, fmt: str, style: Style) -> str:
    """The inspection in a format, "text" or "json", ending in a newline."""
    if fmt == "json":
        return msgspec.json.format(msgspec.json.encode(inspection), indent=2).decode() + "\n"
    return "\n".join(_lines(inspection, style)) + "\n"


def _lines(inspection: Inspection, style: Style) -> Iterator[str]:
    for target in inspection.targets:
        if target.kind != "library":
            yield style.paint(plain(_title(target)), "bold")
            yield ""
        for binary in target.binaries:
            yield style.paint(plain(binary.path), "bold")
            for label, text in _rows(binary, inspection, style):
                first, *rest = style.wrap(text, " " * (LABEL + 2)) or [""]
                yield f"  {label:{LABEL}}{first[LABEL + 2 :]}"
                yield from rest
            yield ""
    yield _footer(inspection)


def _title(target: Target) -> str:
    count = len(target.binaries)
    what = f"{target.asked} {target.version}" if target.version else target.asked
    return f"{target.kind} {what}: {count} compiled {'library' if count == 1 else 'libraries'}"


def _footer(inspection: Inspection) -> str:
    parts = [f"Seen from {inspection.python or 'no Python'}"]
    if inspection.torch is not None:
        parts.append(f"torch {inspection.torch.version} at {inspection.torch.path}")
    if inspection.ld_library_path:
        parts.append(f"LD_LIBRARY_PATH={inspection.ld_library_path}")
    return plain(", ".join(parts))


def _rows(binary: Binary, inspection: Inspection, style: Style) -> Iterator[Row]:
    if binary.problem is not None:
        yield "Problem", style.mark("error") + " " + binary.problem
        return
    soname = f", SONAME {binary.soname}" if binary.soname else ""
    yield "Library", f"{binary.machine}{soname}"
    yield "GPU code", _code(binary.code)
    yield "CUDA runtime", _runtime(binary.cudart)
    if binary.torch is not None:
        yield from _torch(binary.torch, inspection, style)
    needs = (("glibc", binary.glibc), ("GLIBCXX", binary.glibcxx), ("CXXABI", binary.cxxabi))
    yield "Needs", ", ".join(f"{name} {version}" for name, version in needs if version) or "nothing"
    for name, value in (("RPATH", binary.rpath), ("RUNPATH", binary.runpath)):
        if value is not None:
            yield name, value
    yield from _libraries(binary, style)


def _own(binary: Binary) -> str:
    """Who asks for the libraries that the file itself needs: it stands first in the list."""
    return binary.libraries[0].needed_by


def _libraries(binary: Binary, style: Style) -> Iterator[Row]:
    with_torch: dict[str, list[str]] = {}
    label = "Libraries"
    for found in binary.libraries:
        if found.path and found.via == "loaded":
            with_torch.setdefault(found.path.rpartition("/")[0], []).append(found.name)
        elif style.verbose or found.needed_by == _own(binary) or not found.path or found.problem:
            yield label, _library(found, binary, style)
            label = ""
    label = "With torch"  # they are in the process already when an extension is imported
    for folder, names in with_torch.items():
        yield label, f"{', '.join(names)}: {folder}"
        label = ""


def _code(code: Code | None) -> str:
    if code is None:
        return "none"
    parts = [f"{' '.join(code.sass) or 'no SASS in most'} ({code.fatbins} fatbins)"]
    if code.partial:
        parts.append(f"in some: {' '.join(code.partial)}")
    ptx = " ".join(code.ptx) or "none"
    parts.append(
        f"PTX: {ptx}" + (f", in some {' '.join(code.ptx_partial)}" if code.ptx_partial else "")
    )
    return "; ".join(parts)


def _runtime(cudart: str | None) -> str:
    if cudart is None:
        return "none of its own"
    return "linked into it" if cudart == "static" else f"CUDA {cudart}"


def _torch(torch: TorchNeeds, inspection: Inspection, style: Style) -> Iterator[Row]:
    yield "Needs torch", f"{len(torch.symbols)} symbols of {', '.join(torch.libraries)}"
    if torch.cxx11_abi is not None:
        yield "C++ ABI", f"{'C++11' if torch.cxx11_abi else 'before C++11'} std::string"
    if inspection.torch is None or torch.missing is None:
        return
    version = f"torch {inspection.torch.version}"
    if torch.lacks:
        yield "", f"{style.mark('error')} {version} has no {', '.join(torch.lacks)}"
    if not torch.missing:
        yield "", f"{style.mark('ok')} {version} defines them all"
        return
    yield "", f"{style.mark('error')} {version} does not define {len(torch.missing)} of them:"
    shown = torch.missing if style.verbose else torch.missing[:SHOWN]
    for symbol in shown:
        yield "", symbol.readable
    if len(shown) < len(torch.missing):
        yield "", f"… and {len(torch.missing) - len(shown)} more (--verbose shows them)"


def _library(found: Found, binary: Binary, style: Style) -> str:
    where = _VIA.get(found.via, found.via)
    if found.entry and found.via in ("RPATH", "RUNPATH", "LD_LIBRARY_PATH"):
        where += f" {found.entry}"
    by = "" if found.needed_by == _own(binary) else f" (for {found.needed_by.rpartition('/')[2]})"
    if found.path is None:
        return f"{style.mark('error')} {found.name}: NOT FOUND{by}"
    problem = f" {style.mark('error')} {found.problem}" if found.problem else ""
    return f"{found.name}: {found.path}, {where}{by}{problem}"
