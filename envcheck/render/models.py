"""The catalogue of video models for people and programs. Must not know how a model is chosen."""

from collections.abc import Iterator, Sequence

import msgspec

from envcheck.render.style import Style, plain
from envcheck.video.listing import Listed

MARKS = {"conv": "c", "conv+bn": "n", "": " "}
DATASETS = {
    "K400": "Kinetics-400",
    "K600": "Kinetics-600",
    "SSv2": "Something-Something V2",
    "IN1K": "ImageNet-1K",
}
NUMBERS = f"{'clip':>6}{'M param':>8}{'GFLOPs':>9}{'top-1':>7}{'top-5':>6}"
LEGEND = (
    "Clip: frames x rate, of SlowFast those of its slow pathway. GFLOPs of one view as published: c"
    " convolutions only, n batch norm counted too (5 for each element), unmarked not known. Under"
    " top-1, m is mAP and p the accuracy of a linear probe."
)


def render(rows: Sequence[Listed], style: Style, *, sorted_rows: bool = False) -> str:
    """A table for each data set, or one in the order of the rows, then with every address.

    With `style.verbose` everything known of each model stands below its row.
    """
    if not rows:
        return "No published model fits.\n"
    titles = {DATASETS.get(row.model.dataset, row.model.dataset) for row in rows}
    width = max(*(len(row.name) for row in rows), *(len(title) - 1 for title in titles))
    lines = list(_flat(rows, width, style) if sorted_rows else _tables(rows, width, style))
    lines += ["", *style.wrap(f"{len(rows)} checkpoints. {LEGEND}", "")]
    if not style.verbose:
        lines += style.wrap(
            "-v adds exact counts, views, configuration, pre-training and source.", ""
        )
    return "\n".join(lines) + "\n"


def _tables(rows: Sequence[Listed], width: int, style: Style) -> Iterator[str]:
    """By data set, and within it by the folder that the file's name completes to an address."""
    datasets = dict.fromkeys(row.model.dataset for row in rows)
    for place, dataset in enumerate(datasets):
        if place:
            yield ""
        yield _heading(DATASETS.get(dataset, dataset), width, style)
        inside = [row for row in rows if row.model.dataset == dataset]
        for folder in dict.fromkeys(_folder(row) for row in inside):
            yield style.paint(f"  {folder}", "dim")
            for row in inside:
                if _folder(row) == folder:
                    yield from _row(row, width, style)


def _flat(rows: Sequence[Listed], width: int, style: Style) -> Iterator[str]:
    yield _heading("checkpoint", width, style)
    for row in rows:
        yield from _row(row, width, style)
        yield style.paint(f"    {row.model.url}", "dim")


def _heading(title: str, width: int, style: Style) -> str:
    return style.paint(title.ljust(width + 2) + NUMBERS, "bold")


def _row(row: Listed, width: int, style: Style) -> Iterator[str]:
    yield f"  {row.name.ljust(width)}{_numbers(row)}".rstrip()
    texts = list(_more(row)) if style.verbose else []
    texts += [row.model.note] if row.model.note else []
    for text in texts:
        yield from style.wrap(text, "      ")


def render_json(value: object) -> str:
    """A list of `Listed` or of `Decoded` as JSON."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _folder(row: Listed) -> str:
    """The address that the row's file name completes."""
    folder, _, file = row.model.url.rpartition("/")
    return f"{folder}/" if file == row.name else row.model.url


def _numbers(row: Listed) -> str:
    model = row.model
    clip = "" if model.frames is None else f"{model.frames}x{model.rate}"
    clip = clip if model.rate else f"{model.frames or ''}"
    params = "" if model.params_m is None else f"{model.params_m:.2f}"
    flops = "" if model.flops_g is None else f"{model.flops_g:.2f}{MARKS[row.convention]}"
    first, mark = row.top1, ""
    if first is None and model.map is not None:
        first, mark = model.map, "m"
    elif first is None:
        first, mark = model.k400_linear_top1, "p"
    best = "" if first is None else f"{first:.1f}{mark}"
    fifth = "" if model.top5 is None else f"{model.top5:.1f}"
    return f"{clip:>6}{params:>8}{flops:>9}{best:>7}{fifth:>6}"


def _more(row: Listed) -> Iterator[str]:
    model = row.model
    if row.counts:
        counts = row.counts
        yield (
            f"exactly {counts.parameters:,} parameters for 400 classes;"
            f" {counts.gflops_conv:.2f} G convolutions only,"
            f" {counts.gflops_conv_bn:.2f} G with batch norm;"
            f" proved by smoke slowfast --model {counts.architecture}"
        )
    if model.spatial_views and model.temporal_views:
        yield f"tested with {model.spatial_views} crops x {model.temporal_views} clips"
    if model.config:
        there = "" if model.config_exists else " (not in the repository)"
        yield f"configuration {plain(model.config)}.yaml{there}"
    if model.hub_name:
        yield f"torch.hub {model.hub_name}"
    if model.pretrain or model.pretrain_url:
        yield f"pre-trained {model.pretrain or ''} {model.pretrain_url or ''}".rstrip()
    yield f"from {model.source}"
