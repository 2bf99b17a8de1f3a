"""docs/gpu-watch-fields.md: every query field, and how far its output has been compared. Pure."""

from envcheck.watch.query import Field, Status, fields

_HEAD = """# Fields of `gpu-watch --query-gpu`

Written by `make docs` from `envcheck/watch/data/query_fields.json`. Headers are those of public
outputs of nvidia-smi. A field is

- **certain**: header, unit and format are seen in many public outputs of many drivers;
- **compared**: a public program asks NVML the same way, and its authors compared its output byte by
  byte with nvidia-smi's (H100, driver 590);
- **unverified**: not yet compared with a real nvidia-smi; where NVML does not tell, or nobody knows
  how nvidia-smi asks, the cell is `[N/A]`.

Memory is rounded up to whole MiB, as driver 590 does. The names of older drivers
(`clocks_throttle_reasons.*`, `gpu_name`) are taken, and print the present name in the header.

"""
_ORDER: tuple[Status, ...] = ("certain", "compared", "unverified")


def query_page() -> str:
    """The page: one row a field, in the order of `--help-query-gpu`."""
    counts = {status: sum(field.status == status for field in fields()) for status in _ORDER}
    summary = ", ".join(f"{counts[status]} {status}" for status in _ORDER)
    rows = [
        "| field | unit | asked of NVML | state |",
        "| --- | --- | --- | --- |",
        *map(_row, fields()),
    ]
    return f"{_HEAD}{len(fields())} fields: {summary}.\n\n" + "\n".join(rows) + "\n"


def _row(field: Field) -> str:
    names = ", ".join(f"`{name}`" for name in (field.name, *field.aliases))
    name, *arguments = field.call or ("",)
    call = f"`{name}({', '.join(map(str, arguments))})`" if name else "not asked"
    return f"| {names} | {field.unit} | {call} | {field.status} |"
