"""What the Ansible role for FFmpeg must know, written out of the knowledge base as YAML.

Must not judge: the role compares versions, as `kb.ffmpeg.newest_for` does.
"""

import json
from collections.abc import Mapping

from envcheck.kb import Knowledge
from tests.stack_vars import HEADER


def ffmpeg_files(kb: Knowledge) -> dict[str, str]:
    """Path below `ansible/` → text."""
    table = kb.ffmpeg
    drivers = {row.sdk: row.linux for row in table.sdks}
    tags = [
        {"tag": row.tag, "commit": row.commit, "sdk": row.sdk, "driver": drivers[row.sdk]}
        for row in table.headers
    ]
    releases = {
        row.series: {
            "version": row.version,
            "sha256": row.sha256,
            "oldest": row.oldest,
            "newest": row.newest,
            "npp": row.npp,
        }
        for row in table.releases
    }
    stock = {
        row.distro: {"ffmpeg": row.ffmpeg, "driver": drivers[row.sdk], "clang": row.clang}
        for row in table.stock
    }
    text = (
        f"{HEADER}ffmpeg_cuda_default_version: {json.dumps(table.default.version)}\n"
        f"ffmpeg_cuda_default_driver: {json.dumps(str(kb.drivers.default.branch))}\n"
        f"ffmpeg_cuda_npp_below: {json.dumps(table.default.npp_below)}\n"
        "ffmpeg_cuda_header_tags:\n"
        + "".join(f"  - {_flow(row)}\n" for row in tags)
        + "ffmpeg_cuda_releases:\n"
        + "".join(f'  "{name}":\n{_block(row)}' for name, row in releases.items())
        + "ffmpeg_cuda_distributions:\n"
        + "".join(f"  {name}: {_flow(row)}\n" for name, row in stock.items())
    )
    return {"roles/ffmpeg_cuda/vars/main/generated.yml": text}


def _flow(row: Mapping[str, object]) -> str:
    return "{" + ", ".join(f"{key}: {json.dumps(value)}" for key, value in row.items()) + "}"


def _block(row: Mapping[str, object]) -> str:
    return "".join(f"    {key}: {json.dumps(value)}\n" for key, value in row.items())
