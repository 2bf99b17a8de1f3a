"""Proves detectron2 on one device: its imports, and each operator against float64 on the CPU.

Needs torch and detectron2; what cannot be imported is a failed trial, and the rest goes on.
Must not know what is right: the limits come with the job.
"""

import smoke_detectron2_exact as exact
import smoke_gpu
import smoke_harness
import smoke_torch
from smoke_harness import Skip

smoke_harness.step_back(__file__)

OP = "d2_op"
SIZE, SAMPLES = 3, 2  # bins of a region and samples of a bin, along one side
SCALE = 0.5


def main(job, out):
    device = job["device"]
    torch = smoke_torch.import_torch(out, device)
    if torch is None or (device != "cpu" and not smoke_gpu.start(torch, out, device)):
        return
    if import_module(out, device):
        layers = import_layers(out, device)
        if device == "cpu":
            import_zoo(out, device)
        prove(torch, out, job, device, layers)
    if job.get("ask_cuda"):
        smoke_torch.ask_cuda(torch, out)


def import_module(out, device):
    """Whether detectron2 and its compiled module can be imported."""
    with out.trial("import detectron2._C", "d2_import", device) as trial:
        import detectron2

        trial.details["version"] = getattr(detectron2, "__version__", "")
        trial.details["package"] = str(getattr(detectron2, "__file__", ""))
        from detectron2 import _C

        trial.details["file"] = str(getattr(_C, "__file__", ""))
        for name in ("get_compiler_version", "get_cuda_version", "has_cuda"):
            if hasattr(_C, name):
                trial.details[name] = getattr(_C, name)()
    return trial.ok


def import_layers(out, device):
    """detectron2.layers, which needs torchvision; None when it cannot be imported."""
    with out.trial("import detectron2.layers", "d2_layers_import", device) as trial:
        import detectron2.layers as layers
    return layers if trial.ok else None


def import_zoo(out, device):
    with out.trial("import detectron2.model_zoo", "d2_zoo_import", device):
        import detectron2.model_zoo  # noqa: F401


def prove(torch, out, job, device, layers):
    """Every operator; those of detectron2.layers only where it could be imported."""
    for name, work in OPERATORS:
        with out.trial(name, OP, device) as trial:
            torch.manual_seed(0)
            trial.limit = job["limits"]["fp32"]
            with smoke_gpu.tf32(torch, False):
                work(torch, trial, device)
    for name, work in LAYERS if layers else ():
        with out.trial(name, OP, device) as trial:
            torch.manual_seed(0)
            trial.limit = job["limits"]["fp32"]
            with smoke_gpu.tf32(torch, False), torch.no_grad():
                work(torch, trial, device, layers)


def compare(trial, got, right):
    """The largest difference, in deviations of the exact result."""
    got = got.detach().cpu().double()
    if got.shape != right.shape:
        raise ValueError("the result is %s, it must be %s" % (tuple(got.shape), tuple(right.shape)))
    trial.measured = float((got - right).abs().max() / right.std())


def compare_kept(trial, kept, right):
    """How many of the boxes that are kept differ."""
    kept = kept.cpu().tolist()
    trial.limit = 0
    trial.details["boxes kept"] = len(kept)
    trial.measured = len(set(kept) ^ set(right)) + (sorted(kept) == sorted(right) and kept != right)


# ---- inputs -------------------------------------------------------------------------------------


def images(torch):
    return torch.randn(2, 4, 20, 24)


def boxes(torch, count=12):
    """[count, 4] in pixels of an image twice as large as `images`; some reach beyond it."""
    corner = torch.rand(count, 2) * torch.tensor([34.0, 26.0]) - 2
    return torch.cat([corner, corner + 10 + torch.rand(count, 2) * 12], 1)


def rotated_boxes(torch, count=12):
    flat = boxes(torch, count)
    centre, size = (flat[:, :2] + flat[:, 2:]) / 2, flat[:, 2:] - flat[:, :2]
    return torch.cat([centre, size, torch.rand(count, 1) * 360 - 180], 1)


def regions(torch, flat):
    """Boxes with the place of their image before them."""
    return torch.cat([(torch.arange(len(flat)) % 2)[:, None].float(), flat], 1)


# ---- operators of detectron2._C -----------------------------------------------------------------


def roi_align_rotated(torch, trial, device):
    values, rois = images(torch), regions(torch, rotated_boxes(torch))
    got = torch.ops.detectron2.roi_align_rotated_forward(
        values.to(device), rois.to(device), SCALE, SIZE, SIZE, SAMPLES
    )
    right = exact.roi_align_rotated(torch, values.double(), rois.double(), SIZE, SCALE, SAMPLES)
    compare(trial, got, right)


def box_iou_rotated(torch, trial, device):
    found = rotated_boxes(torch)
    got = torch.ops.detectron2.box_iou_rotated(found.to(device), found.to(device))
    table = exact.overlaps(exact.iou_rotated, found.double().tolist())
    compare(trial, got, torch.tensor(table, dtype=torch.float64))


def nms_rotated(torch, trial, device):
    found, scores = rotated_boxes(torch, 24), torch.rand(24)
    table = exact.overlaps(exact.iou_rotated, found.double().tolist())
    threshold = exact.clear_threshold(table)
    got = torch.ops.detectron2.nms_rotated(found.to(device), scores.to(device), threshold)
    compare_kept(trial, got, exact.suppressed(table, scores.tolist(), threshold))


OPERATORS = (
    ("ROIAlignRotated", roi_align_rotated),
    ("box_iou_rotated", box_iou_rotated),
    ("nms_rotated", nms_rotated),
)


# ---- operators of detectron2.layers -------------------------------------------------------------


def roi_align(torch, trial, device, layers):
    values, rois = images(torch), regions(torch, boxes(torch))
    got = layers.ROIAlign((SIZE, SIZE), SCALE, SAMPLES)(values.to(device), rois.to(device))
    right = exact.roi_align(torch, values.double(), rois.double(), SIZE, SCALE, SAMPLES)
    compare(trial, got, right)


def batched_nms(torch, trial, device, layers):
    found, scores = boxes(torch, 24), torch.rand(24)
    classes = torch.arange(24) % 2
    table = exact.overlaps(exact.iou, found.double().tolist())
    threshold = exact.clear_threshold(table)
    got = layers.batched_nms(found.to(device), scores.to(device), classes.to(device), threshold)
    right = exact.suppressed(table, scores.tolist(), threshold, classes.tolist())
    compare_kept(trial, got, right)


def deform_inputs(torch):
    values = images(torch)
    offset = torch.randn(2, 18, *values.shape[2:]) * 1.5
    return values, offset, torch.rand(2, 9, *values.shape[2:]), torch.randn(6, 4, 3, 3) / 6


def deform_conv(torch, trial, device, layers):
    values, offset, _, weight = deform_inputs(torch)
    layer = layers.DeformConv(4, 6, 3, padding=1).to(device)
    layer.weight.copy_(weight)
    got = layer(values.to(device), offset.to(device))
    compare(
        trial, got, exact.deform_conv(torch, values.double(), offset.double(), weight.double(), 1)
    )


def modulated_deform_conv(torch, trial, device, layers):
    if device == "cpu":
        raise Skip("not_supported", "detectron2 has no modulated deformable convolution for CPUs")
    values, offset, mask, weight = deform_inputs(torch)
    layer = layers.ModulatedDeformConv(4, 6, 3, padding=1, bias=False).to(device)
    layer.weight.copy_(weight)
    got = layer(values.to(device), offset.to(device), mask.to(device))
    right = exact.deform_conv(
        torch, values.double(), offset.double(), weight.double(), 1, mask.double()
    )
    compare(trial, got, right)


def forward(torch, trial, device, layers):
    """A small pass: deformable convolution, regions pooled, suppressed, the rest's features."""
    values, offset, _, weight = deform_inputs(torch)
    found, scores = boxes(torch, 24), torch.rand(24)
    classes = torch.arange(24) % 3
    rois = regions(torch, found)
    table = exact.overlaps(exact.iou, found.double().tolist())
    threshold = exact.clear_threshold(table)
    layer = layers.DeformConv(4, 6, 3, padding=1).to(device)
    layer.weight.copy_(weight)
    features = torch.relu(layer(values.to(device), offset.to(device)))
    pooled = layers.ROIAlign((SIZE, SIZE), SCALE, SAMPLES)(features, rois.to(device))
    kept = layers.batched_nms(found.to(device), scores.to(device), classes.to(device), threshold)
    right = exact.suppressed(table, scores.tolist(), threshold, classes.tolist())
    limit = trial.limit
    compare_kept(trial, kept, right)
    if trial.measured:
        return
    trial.limit = limit
    features = torch.relu(
        exact.deform_conv(torch, values.double(), offset.double(), weight.double(), 1)
    )
    best = exact.roi_align(torch, features, rois.double(), SIZE, SCALE, SAMPLES)[right]
    compare(trial, pooled[kept], best)


LAYERS = (
    ("ROIAlign", roi_align),
    ("batched_nms", batched_nms),
    ("DeformConv", deform_conv),
    ("ModulatedDeformConv", modulated_deform_conv),
    ("forward", forward),
)

if __name__ == "__main__":
    smoke_harness.start(main)
