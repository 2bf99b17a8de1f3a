"""From a video file to what a model takes: decode, choose frames, normalise, scale, crop.

The same arithmetic as pytorchvideo's transforms, without torchvision. Must not know any model.
"""

import os

from smoke_harness import Fail, Skip

MEAN, DEVIATION = 0.45, 0.225
MOST_FRAMES = 20000  # of a clip: more are no video of a few seconds


def prepare(torch, frames, count, side, crop):
    """A clip (1, 3, count, crop, crop) of decoded frames, uint8 (T, H, W, 3) in RGB."""
    chosen = frames[temporal_indices(torch, frames.shape[0], count)]
    return torch.stack([frame_tensor(torch, frame, side, crop) for frame in chosen], 1)[None]


def temporal_indices(torch, frames, count):
    """Indices of `count` frames spread evenly over a clip, the last one included."""
    return torch.linspace(0, frames - 1, count).clamp(0, frames - 1).long()


def frame_tensor(torch, frame, side, crop):
    """One frame, uint8 (H, W, 3) → (3, crop, crop): normalised, scaled, centre cropped."""
    image = (frame.permute(2, 0, 1).float() / 255.0 - MEAN) / DEVIATION
    height, width = image.shape[1:]
    if width < height:
        new = (int(height / width * side), side)
    else:
        new = (side, int(width / height * side))
    image = torch.nn.functional.interpolate(
        image[None], size=new, mode="bilinear", align_corners=False
    )[0]
    top, left = int(round((new[0] - crop) / 2.0)), int(round((new[1] - crop) / 2.0))
    return image[:, top : top + crop, left : left + crop]


def decode(torch, path, seconds, count, side, crop):
    """(clip, facts) of the first `seconds` of a video file.

    Two passes, the first counting: frames are turned into RGB only when they are chosen, so that
    a long or large video costs no more memory than a short one.
    """
    try:
        import av
    except ImportError as error:
        raise Skip("no_decoder", "PyAV cannot be imported: %s" % error)
    if not os.path.isfile(path):
        raise Fail("video_unreadable", "%s is not a file" % path)
    total = sum(1 for _ in _frames(av, path, seconds))
    if not total:
        raise Fail("video_unreadable", "it holds no frame in its first %.2f s" % seconds)
    wanted = temporal_indices(torch, total, count).tolist()
    images, facts = {}, {}
    for number, (frame, stream) in enumerate(_frames(av, path, seconds)):
        if number in wanted:
            pixels = torch.from_numpy(frame.to_ndarray(format="rgb24"))
            images[number] = frame_tensor(torch, pixels, side, crop)
        if not facts:
            facts = {
                "codec": stream.codec_context.name,
                "decoder": "PyAV %s" % av.__version__,
                "size": "%dx%d" % (frame.width, frame.height),
                "frames": total,
                "frame rate": stream.average_rate or "unknown",
            }
    clip = torch.stack([images[number] for number in wanted], 1)[None]
    return clip, facts


def _frames(av, path, seconds):
    """The frames of the first video stream whose time is below `seconds`, in order."""
    try:
        with av.open(path) as container:
            if not container.streams.video:
                kinds = sorted({stream.type for stream in container.streams})
                raise Fail("video_unreadable", "it holds no video, only %s" % ", ".join(kinds))
            stream = container.streams.video[0]
            rate = float(stream.average_rate or 30)
            first = None
            for number, frame in enumerate(container.decode(stream)):
                now = frame.time if frame.time is not None else number / rate
                first = now if first is None else first
                if now - first >= seconds - 1e-6:
                    return
                if number >= MOST_FRAMES:
                    raise Fail(
                        "video_unreadable", "more than %d frames in %.2f s" % (MOST_FRAMES, seconds)
                    )
                yield frame, stream
    except (Fail, GeneratorExit, MemoryError):
        raise
    except Exception as error:  # av.error.InvalidDataError and its many kin
        raise Fail("video_unreadable", "%s: %s" % (type(error).__name__, error))
