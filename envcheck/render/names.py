"""What the names of configurations mean, for people. Must not know how a name is read."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from envcheck.render.style import Style, plain
from envcheck.video.names import Decoded, every
from envcheck.video.upstream import Config


def render(names: Sequence[Decoded], style: Style) -> str:
    """Each name with the meaning of its parts, what it holds, and how it is misread."""
    blocks = ["\n".join(_name(name, style)) for name in names]
    return "\n\n".join(blocks) + "\n"


def _name(name: Decoded, style: Style) -> Iterator[str]:
    yield style.paint(plain(name.name), "bold")
    width = max(len(part.text) for part in name.parts)
    for part in name.parts:
        label = f"  {part.text.ljust(width)}  "
        colour = ("yellow",) if part.kind == "unknown" else ()
        for line in style.wrap(part.means, label, " " * len(label)):
            yield style.paint(line, *colour)
    for text in name.wrong:
        yield from _after(style, "wrong", f"{text}.", "red")
    if name.architecture:
        told = (
            f"pytorchvideo builds it, for clips of {name.frames} frames, {every(name.rate)};"
            f" `envcheck smoke slowfast --model {name.architecture}` proves it."
        )
        yield from _after(style, "known", told, "green")
    if name.configs:
        yield from _published(name.configs, style)
    elif not name.known:
        told = (
            "no published configuration has this name. It was read by the grammar of such names;"
            " what the file holds, only the file says."
        )
        yield from _after(style, "not known", told, "yellow")
    for text in name.misreadings:
        yield from _after(style, "often misread", text, "blue")


def _after(style: Style, label: str, text: str, colour: str) -> Iterator[str]:
    first, *rest = style.wrap(f"{label}: {text}", "  ", "    ")
    yield first.replace(label, style.paint(label, colour), 1)
    yield from rest


def _published(configs: Sequence[Config], style: Style) -> Iterator[str]:
    """The configurations, those that hold the same together."""
    ordered = sorted(configs, key=lambda config: (*_told(config), config.path))
    for (holds, fault), group in groupby(ordered, _told):
        for config in group:
            yield f"  {config.path}"
            for url in config.checkpoint_urls:
                yield style.paint(f"    {url}", "dim")
        yield from style.wrap(holds, "    ")
        if fault:
            yield from _after(style, "cannot be loaded as published", f"{fault}.", "red")


def _told(config: Config) -> tuple[str, str]:
    return _holds(config), config.fault


def _holds(config: Config) -> str:
    return ". ".join(" ".join(_sentence(parts)) for parts in (_model(config), _run(config))) + "."


def _sentence(parts: Iterator[str]) -> Iterator[str]:
    *most, last = list(parts)
    yield from (f"{part}," for part in most)
    yield last


def _model(config: Config) -> Iterator[str]:
    reversible = "reversible " if config.reversible else ""
    yield f"Holds {reversible}{config.model_name}"
    if config.depth:
        yield f"{config.depth} layers"
    if config.mvit_depth:
        yield f"{config.mvit_depth} blocks"
    if config.rate is None:
        yield "images"
    else:
        yield f"clips of {config.frames} frames, {every(config.rate)}"
    if config.slow_frames:
        yield (
            f"the slow pathway {config.slow_frames}, {every(config.slow_rate)}"
            f" (alpha {config.alpha})"
        )
    if config.nonlocal_blocks:
        yield "non-local blocks"
    yield f"crops {config.train_crop}/{config.test_crop}"


def _run(config: Config) -> Iterator[str]:
    yield f"For {config.dataset}"
    yield f"{config.num_classes} classes"
    if not config.trains:
        yield "for testing only"
    elif config.max_epoch:
        batch = f"batch {config.batch_size}" if config.batch_size else "the default batch"
        yield f"{batch} on {config.num_gpus} GPUs"
        yield f"{config.max_epoch} epochs"
        yield f"{config.lr_policy}"
    if config.multigrid:
        yield "multigrid"
    yield f"checkpoint type {config.checkpoint_type}"
