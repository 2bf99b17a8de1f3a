"""Where NVML's library lies. Imports nothing: it is part of the worker's start-up time."""

SONAME = "libnvidia-ml.so.1"
# Where drivers put the library without telling the loader: WSL, Debian, Fedora, NixOS.
FALLBACK_DIRS = (
    "/usr/lib/wsl/lib",
    "/usr/lib/x86_64-linux-gnu/nvidia/current",
    "/usr/lib/aarch64-linux-gnu/nvidia/current",
    "/usr/lib64/nvidia",
    "/run/opengl-driver/lib",
)
