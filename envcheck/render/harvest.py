"""What a harvest did, a line for each wheel and a sum. Must not know how wheels are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcheck.render.style import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envcheck.kb.harvest import Result
    from envcheck.render.style import Style


def render(results: Sequence[Result], style: Style) -> str:
    """One line for each wheel that was read or failed, then the sum."""
    lines = []
    for result in results:
        if result.build:
            build = result.build
            code = " ".join((*build.sass, *build.ptx)) or "no GPU code"
            what = f"CUDA {build.cuda}" if build.cuda else "CPU build"
            mark = style.paint(style.mark("ok"), "green")
            cost = f"{result.received / 1e6:.1f} MB, {result.seconds:.1f} s"
            lines.append(f"{mark} {build.torch} {build.platform}, {what}: {code} ({cost})")
            if build.partial:
                lines.append(f"    only some kernels: {' '.join(build.partial)}")
            if build.note:
                lines.append(f"    {plain(build.note)}")
        elif result.outcome == "failed":
            mark = style.paint(style.mark("error"), "red")
            lines.append(f"{mark} {plain(result.wheel)}: {plain(result.reason)}")
        if result.warning:
            lines.append(f"    {plain(result.warning)}")
    count = {kind: sum(r.outcome == kind for r in results) for kind in ("read", "known", "failed")}
    parts = [f"{count['read']} read"]
    if count["known"]:
        parts.append(f"{count['known']} measured before (--force reads them again)")
    if count["failed"]:
        parts.append(f"{count['failed']} failed")
    received = sum(result.received for result in results)
    seconds = sum(result.seconds for result in results)
    parts.append(f"{received / 1e6:.1f} MB in {seconds:.1f} s")
    return "\n".join([*lines, ", ".join(parts)]) + "\n"
