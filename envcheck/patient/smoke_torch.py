"""Proves torch on one device: operators against float64 on the CPU, memory, rates.

Needs only torch. Must not know what is right or fast enough: the limits come with the job.
"""

import smoke_gpu
import smoke_harness
from smoke_harness import Fail, Skip

smoke_harness.step_back(__file__)


def main(job, out):
    device = job["device"]
    torch = import_torch(out, device)
    if torch is None:
        return
    torch.manual_seed(0)
    if device == "cpu":
        for precision in ("fp32", "bf16"):
            prove(torch, out, job, device, precision)
        if job.get("ask_cuda"):
            ask_cuda(torch, out)
    elif device == "multi":
        smoke_gpu.prove_pairs(torch, out, job)
    elif smoke_gpu.start(torch, out, device):
        for precision in ("fp32", "tf32", "fp16", "bf16"):
            prove(torch, out, job, device, precision)
        smoke_gpu.prove_device(torch, out, job, device)


def import_torch(out, device):
    """torch, or None when it cannot be imported; the trial says why."""
    with out.trial("import torch", "import", device) as trial:
        import torch

        trial.details["version"] = torch.__version__
        trial.details["cuda"] = torch.version.cuda or "none"
        if not isinstance(getattr(torch, "nn", None), type(smoke_harness)):
            raise Fail("import_error", "torch has no torch.nn: %r" % getattr(torch, "__path__", ""))
    return torch if trial.ok else None


def ask_cuda(torch, out):
    """Starts CUDA once, last of all: where it crashes, the CPU's proofs are already told."""
    with out.trial("start CUDA", "cuda_init", "cuda") as trial:
        if not torch.version.cuda:
            raise Skip("cpu_build", "this torch is built without CUDA")
        try:
            torch.cuda.init()
        except Exception as error:
            if smoke_harness.reason(error) == "no_gpu":
                raise Skip("no_gpu", smoke_harness.words(error))
            raise
        count = torch.cuda.device_count()
        trial.details["devices"] = count
        for index in range(count):
            trial.details["cuda:%d" % index] = torch.cuda.get_device_name(index)


def prove(torch, out, job, device, precision):
    """Every operator in one precision: the largest error over the reference's deviation."""
    for name in OPERATORS:
        if name in FP32_ONLY and precision != "fp32":
            continue
        with out.trial("%s %s" % (name, precision), "compute", device) as trial:
            need(torch, device, precision)
            trial.limit = job["limits"][precision]
            make = OPERATORS[name]
            with smoke_gpu.tf32(torch, precision == "tf32"):
                trial.measured = compare(torch, make, device, smoke_gpu.dtype(torch, precision))


def need(torch, device, precision):
    """Raises Skip where this device does not have this precision."""
    if device == "cpu":
        return
    major = torch.cuda.get_device_capability(device)[0]
    if precision in ("tf32", "bf16") and major < 8:
        raise Skip("not_supported", "%s needs compute capability 8.0" % precision)


def compare(torch, make, device, dtype):
    """Largest error of `make` on the device, over the standard deviation of the exact result.

    The reference is computed in float64 from the inputs as rounded to `dtype`, so that rounding
    the inputs does not count as an error of the operator.
    """
    function, inputs = make(torch)
    rounded = [value.to(dtype) for value in inputs]
    exact = function(*[value.double() for value in rounded])
    got = function(*[value.to(device) for value in rounded]).cpu()
    got = got.to(exact.dtype)
    return float((got - exact).abs().max() / exact.abs().std())


def matmul(torch):
    return torch.matmul, [torch.randn(384, 512), torch.randn(512, 320)]


def conv2d(torch):
    return (
        lambda x, w: torch.nn.functional.conv2d(x, w, padding=1),
        [torch.randn(2, 16, 40, 40), torch.randn(24, 16, 3, 3)],
    )


def conv3d(torch):
    return (
        lambda x, w: torch.nn.functional.conv3d(x, w, padding=1),
        [torch.randn(1, 8, 8, 24, 24), torch.randn(16, 8, 3, 3, 3)],
    )


def solve(torch):
    matrix = torch.randn(128, 128) + 24 * torch.eye(128)
    return torch.linalg.solve, [matrix, torch.randn(128, 8)]


def fft(torch):
    return lambda x: torch.view_as_real(torch.fft.rfft(x)), [torch.randn(16, 1024)]


def softmax(torch):
    return lambda x: torch.softmax(x, 1), [torch.randn(64, 1000)]


OPERATORS = {
    "matmul": matmul,
    "conv2d": conv2d,
    "conv3d": conv3d,
    "solve": solve,
    "fft": fft,
    "softmax": softmax,
}
# LAPACK and cuFFT have no kernels for short types; a softmax's few large values round coarsely.
FP32_ONLY = ("solve", "fft", "softmax")

if __name__ == "__main__":
    smoke_harness.start(main)
