"""What detectron2's operators compute, in float64 with plain torch: the reference of its proofs.

Written from the operators' definitions, not from their code: RoIAlign (arXiv 1703.06870) and its
rotated form, deformable convolution (arXiv 1703.06211, 1811.11168), greedy suppression.
Boxes are x1, y1, x2, y2; rotated ones are centre x, centre y, width, height, degrees.
"""

import math


def sample(torch, image, y, x):
    """Values [C, ...] of an image [C, H, W] between its pixels; the border's values go on for one
    pixel, and there is nothing beyond."""
    height, width = image.shape[1:]
    inside = (y >= -1) & (y <= height) & (x >= -1) & (x <= width)
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    top, left = y.floor().clamp(max=height - 1).long(), x.floor().clamp(max=width - 1).long()
    bottom, right = (top + 1).clamp(max=height - 1), (left + 1).clamp(max=width - 1)
    down, along = y - top, x - left
    value = (
        image[:, top, left] * (1 - down) * (1 - along)
        + image[:, top, right] * (1 - down) * along
        + image[:, bottom, left] * down * (1 - along)
        + image[:, bottom, right] * down * along
    )
    return value * inside


def sample_padded(torch, image, y, x):
    """Values [C, ...] of an image [C, H, W] between its pixels; around it everything is 0."""
    padded = torch.nn.functional.pad(image, (1, 1, 1, 1))
    height, width = padded.shape[1:]
    inside = (y > -1) & (y < height - 2) & (x > -1) & (x < width - 2)
    y, x = (y + 1).clamp(0, height - 1), (x + 1).clamp(0, width - 1)
    top, left = y.floor().clamp(max=height - 2).long(), x.floor().clamp(max=width - 2).long()
    down, along = y - top, x - left
    value = (
        padded[:, top, left] * (1 - down) * (1 - along)
        + padded[:, top, left + 1] * (1 - down) * along
        + padded[:, top + 1, left] * down * (1 - along)
        + padded[:, top + 1, left + 1] * down * along
    )
    return value * inside


def _bins(torch, size, bins, samples):
    """Places of the samples of each bin along one side, [bins, samples], from its start."""
    step = torch.arange(bins * samples, dtype=torch.float64).reshape(bins, samples)
    return (step + 0.5) * size / (bins * samples)


def roi_align(torch, images, rois, size, scale, samples):
    """[R, C, size, size] of images [N, C, H, W] and rois [R, 5]: the image's place and its box."""
    out = []
    for place, x1, y1, x2, y2 in rois.tolist():
        y = y1 * scale - 0.5 + _bins(torch, (y2 - y1) * scale, size, samples)
        x = x1 * scale - 0.5 + _bins(torch, (x2 - x1) * scale, size, samples)
        grid_y = y[:, None, :, None].expand(size, size, samples, samples)
        grid_x = x[None, :, None, :].expand(size, size, samples, samples)
        out.append(sample(torch, images[int(place)], grid_y, grid_x).mean((-1, -2)))
    return torch.stack(out)


def roi_align_rotated(torch, images, rois, size, scale, samples):
    """The same for rois [R, 6]: the image's place and a rotated box."""
    out = []
    for place, cx, cy, width, height, degrees in rois.tolist():
        y = _bins(torch, height * scale, size, samples) - height * scale / 2
        x = _bins(torch, width * scale, size, samples) - width * scale / 2
        y = y[:, None, :, None].expand(size, size, samples, samples)
        x = x[None, :, None, :].expand(size, size, samples, samples)
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        grid_y = y * cos - x * sin + cy * scale - 0.5
        grid_x = y * sin + x * cos + cx * scale - 0.5
        out.append(sample(torch, images[int(place)], grid_y, grid_x).mean((-1, -2)))
    return torch.stack(out)


def deform_conv(torch, images, offset, weight, padding, mask=None):
    """[N, O, H, W] of images [N, C, H, W], offset [N, 2K, H, W] (y then x), weight [O, C, k, k]."""
    height, width = images.shape[2:]
    side = weight.shape[2]
    rows = torch.arange(height, dtype=torch.float64)[:, None] - padding
    columns = torch.arange(width, dtype=torch.float64)[None, :] - padding
    out = torch.zeros(len(images), len(weight), height, width, dtype=torch.float64)
    for n, image in enumerate(images):
        for k in range(side * side):
            y = rows + k // side + offset[n, 2 * k]
            x = columns + k % side + offset[n, 2 * k + 1]
            value = sample_padded(torch, image, y, x)
            if mask is not None:
                value = value * mask[n, k]
            out[n] += torch.einsum("oc,chw->ohw", weight[:, :, k // side, k % side], value)
    return out


# ---- boxes --------------------------------------------------------------------------------------


def corners(box):
    cx, cy, width, height, degrees = box
    cos, sin = math.cos(math.radians(degrees)) / 2, math.sin(math.radians(degrees)) / 2
    signs = ((1, 1), (1, -1), (-1, -1), (-1, 1))
    return [
        (cx + a * cos * width + b * sin * height, cy - a * sin * width + b * cos * height)
        for a, b in signs
    ]


def area(points):
    """Of a polygon; positive when its corners go the other way round than the clock."""
    pairs = zip(points, points[1:] + points[:1])
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs) / 2


def clip(points, start, end):
    """The part of a convex polygon at the left of a line."""

    def side(point):
        return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (
            point[0] - start[0]
        )

    out = []
    for here, there in zip(points, points[1:] + points[:1]):
        a, b = side(here), side(there)
        if a >= 0:
            out.append(here)
        if (a >= 0) != (b >= 0):
            part = a / (a - b)
            out.append(
                (here[0] + part * (there[0] - here[0]), here[1] + part * (there[1] - here[1]))
            )
    return out


def iou_rotated(one, other):
    """Intersection over union of two rotated boxes."""
    first, second = corners(one), corners(other)
    if area(first) < 0:
        first = first[::-1]
    if area(second) < 0:
        second = second[::-1]
    common = first
    for start, end in zip(second, second[1:] + second[:1]):
        common = clip(common, start, end) if common else []
    shared = area(common) if len(common) > 2 else 0.0
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def iou(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    first = (one[2] - one[0]) * (one[3] - one[1])
    return shared / (first + (other[2] - other[0]) * (other[3] - other[1]) - shared)


def overlaps(measure, boxes):
    """Every pair's overlap, a list of lists."""
    return [[measure(one, other) for other in boxes] for one in boxes]


def clear_threshold(table):
    """The middle of the widest gap between two overlaps: rounding does not lead across it."""
    found = sorted({value for row in table for value in row if 0.05 < value < 0.5})
    _, low, high = max((b - a, a, b) for a, b in zip(found, found[1:]))
    return (low + high) / 2


def suppressed(table, scores, threshold, classes=None):
    """Which boxes are kept, the best first: a box goes when it overlaps a better one kept."""
    kept = []
    for place in sorted(range(len(scores)), key=lambda place: -scores[place]):
        rivals = (k for k in kept if classes is None or classes[k] == classes[place])
        if all(table[place][rival] <= threshold for rival in rivals):
            kept.append(place)
    return kept
