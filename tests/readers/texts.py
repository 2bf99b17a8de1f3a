"""Reports in the layouts of the tools that write them; machines and values are made up."""

COLLECT_ENV = """\
Collecting environment information...
PyTorch version: 2.4.0+cu121
Is debug build: False
CUDA used to build PyTorch: 12.1
ROCM used to build PyTorch: N/A

OS: Ubuntu 22.04.4 LTS (x86_64)
GCC version: (Ubuntu 11.4.0-1ubuntu1~22.04) 11.4.0
Clang version: Could not collect
CMake version: version 3.30.2
Libc version: glibc-2.35

Python version: 3.11.9 (main, Apr  6 2024, 17:59:24) [GCC 11.4.0] (64-bit runtime)
Python platform: Linux-6.5.0-1020-aws-x86_64-with-glibc2.35
Is CUDA available: True
CUDA runtime version: 12.1.105
CUDA_MODULE_LOADING set to: LAZY
GPU models and configuration:
GPU 0: NVIDIA A100-SXM4-40GB
GPU 1: NVIDIA A100-SXM4-40GB
Nvidia driver version: 535.183.01
cuDNN version: Probably one of the following:
/usr/lib/x86_64-linux-gnu/libcudnn.so.8.9.7
HIP runtime version: N/A
MIOpen runtime version: N/A
Is XNNPACK available: True

CPU:
Architecture:                       x86_64

Versions of relevant libraries:
[pip3] numpy==1.26.4
[pip3] torch==2.4.0+cu121
[pip3] torchvision==0.19.0+cu121
[conda] Could not collect
"""

# 1.4 to 1.7: Yes and No, no ROCm line, no platform
OLD = """\
Collecting environment information...
PyTorch version: 1.6.0
Is debug build: No
CUDA used to build PyTorch: 10.2

OS: CentOS Linux 7 (Core)
GCC version: (GCC) 4.8.5 20150623 (Red Hat 4.8.5-39)
CMake version: version 2.8.12.2

Python version: 3.7
Is CUDA available: No
CUDA runtime version: 10.2.89
GPU models and configuration:
GPU 0: Tesla P100-PCIE-16GB
GPU 1: Tesla P100-PCIE-16GB

Nvidia driver version: 418.67
cuDNN version: Could not collect

Versions of relevant libraries:
[pip] numpy==1.19.1
[conda] pytorch                   1.6.0           py3.7_cuda10.2.89_cudnn7.6.5_0    pytorch
"""

VLLM = """\
==============================
        System Info
==============================
OS                           : Ubuntu 24.04.1 LTS (x86_64)
GCC version                  : (Ubuntu 13.2.0-23ubuntu4) 13.2.0
Libc version                 : glibc-2.39

==============================
       PyTorch Info
==============================
PyTorch version              : 2.8.0+cu128
Is debug build               : False
CUDA used to build PyTorch   : 12.8
ROCM used to build PyTorch   : N/A

==============================
      Python Environment
==============================
Python version               : 3.12.3 (main, Jan 17 2025, 18:03:48) [GCC 13.3.0] (64-bit runtime)
Python platform              : Linux-6.8.0-51-generic-x86_64-with-glibc2.39

==============================
       CUDA / GPU Info
==============================
Is CUDA available            : True
CUDA runtime version         : 12.8.93
CUDA_MODULE_LOADING set to   : LAZY
GPU models and configuration : GPU 0: NVIDIA L40S
Nvidia driver version        : 570.86.10
cuDNN version                : Could not collect

==============================
Versions of relevant libraries
==============================
[pip3] numpy==2.2.6
[pip3] torch==2.8.0+cu128

==============================
     Environment Variables
==============================
LD_LIBRARY_PATH=/usr/local/cuda/lib64
CUDA_VISIBLE_DEVICES=7
"""

ROCM = """\
PyTorch version: 2.6.0+rocm6.2.4
Is debug build: False
CUDA used to build PyTorch: N/A
ROCM used to build PyTorch: 6.2.41134-65d174c3e

OS: Ubuntu 24.04 LTS (x86_64)
Python version: 3.12.3 (main) (64-bit runtime)
Is CUDA available: True
GPU models and configuration: AMD Instinct MI300X (gfx942:sramecc+:xnack-)
Nvidia driver version: Could not collect
HIP runtime version: 6.2.41134
"""

XPU = """\
PyTorch version: 2.8.0+xpu
Is debug build: False
CUDA used to build PyTorch: None
XPU used to build PyTorch: 20250101

OS: Ubuntu 24.04 LTS (x86_64)
Python version: 3.11.9 (main) (64-bit runtime)
Is CUDA available: False
CUDA runtime version: No CUDA
GPU models and configuration: No CUDA
Nvidia driver version: No CUDA
Is XPU available: True
"""

NO_TORCH = """\
PyTorch version: N/A
Is debug build: N/A
CUDA used to build PyTorch: N/A
ROCM used to build PyTorch: N/A

OS: Debian GNU/Linux 12 (bookworm) (x86_64)
Libc version: glibc-2.36

Python version: 3.11.2 (main, Mar 13 2023, 12:18:29) [GCC 12.2.0] (64-bit runtime)
Python platform: Linux-6.1.0-20-amd64-x86_64-with-glibc2.36
Is CUDA available: N/A
CUDA runtime version: Could not collect
GPU models and configuration: GPU 0: NVIDIA RTX A5000
Nvidia driver version: 550.90.07
"""

CPU_BUILD_WITH_GPU = """\
PyTorch version: 2.2.1
Is debug build: False
CUDA used to build PyTorch: Could not collect
ROCM used to build PyTorch: N/A

OS: Ubuntu 20.04.6 LTS (x86_64)
Libc version: glibc-2.31

Python version: 3.10.13 | packaged by conda-forge | (main) [GCC 12.3.0] (64-bit runtime)
Is CUDA available: False
CUDA runtime version: 11.8.89
GPU models and configuration: GPU 0: NVIDIA GeForce RTX 3060
Nvidia driver version: 535.171.04
cuDNN version: Could not collect
"""

CPU_BUILD_ALONE = """\
PyTorch version: 2.5.1+cpu
Is debug build: False
CUDA used to build PyTorch: None
ROCM used to build PyTorch: N/A

OS: Debian GNU/Linux 12 (bookworm) (x86_64)
Python version: 3.11.2 (main) (64-bit runtime)
Is CUDA available: False
CUDA runtime version: No CUDA
GPU models and configuration: No CUDA
Nvidia driver version: No CUDA
cuDNN version: No CUDA
"""

DETECTRON2 = """\
-------------------------------  ------------------------------------------------------------
sys.platform                     linux
Python                           3.8.10 (default, Nov 26 2021, 20:14:08) [GCC 9.3.0]
numpy                            1.22.2
detectron2                       0.6 @/opt/detectron2/detectron2
Compiler                         GCC 9.4
CUDA compiler                    CUDA 11.3
detectron2 arch flags            7.5
DETECTRON2_ENV_MODULE            <not set>
PyTorch                          1.10.1+cu113 @/opt/venv/lib/python3.8/site-packages/torch
PyTorch debug build              False
GPU available                    Yes
GPU 0,1                          Tesla V100-SXM2-32GB (arch=7.0)
Driver version                   470.82.01
CUDA_HOME                        /usr/local/cuda
Pillow                           9.0.1
torchvision                      0.11.2+cu113 @/opt/venv/lib/python3.8/site-packages/torchvision
torchvision arch flags           3.5, 5.0, 6.0, 7.0, 7.5, 8.0, 8.6
fvcore                           0.1.5.post20220212
cv2                              4.5.5
-------------------------------  ------------------------------------------------------------
"""

SMI_OLD = """\
Thu Mar  5 10:11:12 2020
+-----------------------------------------------------------------------------+
| NVIDIA-SMI 440.33.01    Driver Version: 440.33.01    CUDA Version: 10.2     |
|-------------------------------+----------------------+----------------------+
| GPU  Name        Persistence-M| Bus-Id        Disp.A | Volatile Uncorr. ECC |
| Fan  Temp  Perf  Pwr:Usage/Cap|         Memory-Usage | GPU-Util  Compute M. |
|===============================+======================+======================|
|   0  Tesla T4            On   | 00000000:00:1E.0 Off |                    0 |
| N/A   41C    P8    10W /  70W |      0MiB / 15109MiB |      0%      Default |
+-------------------------------+----------------------+----------------------+
"""

SMI_NEW = """\
Mon Oct  6 09:00:01 2025
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 610.43.02              KMD Version: 610.43.02     CUDA UMD Version: 13.3     |
+-----------------------------------------+------------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
|                                         |                        |               MIG M. |
|=========================================+========================+======================|
|   0  NVIDIA H100 80GB HBM3          On  |   00000000:1B:00.0 Off |                    0 |
| N/A   30C    P0             70W /  700W |       1MiB /  81559MiB |      0%      Default |
|                                         |                        |             Disabled |
+-----------------------------------------+------------------------+----------------------+
|   1  NVIDIA GeForce RTX 5070 ...    Off |   00000000:43:00.0 Off |                  N/A |
| N/A   31C    P0             71W /  300W |       1MiB /  12227MiB |      0%      Default |
|                                         |                        |                  N/A |
+-----------------------------------------+------------------------+----------------------+
"""

SMI_Q = """\
==============NVSMI LOG==============

Timestamp                                              : Mon Oct  6 09:00:01 2025
Driver Version                                         : 570.124.06
CUDA Version                                           : 12.8

Attached GPUs                                          : 1
GPU 00000000:17:00.0
    Product Name                                       : NVIDIA A30
    Persistence Mode                                   : Enabled
    MIG Mode
        Current                                        : Enabled
        Pending                                        : Enabled
    GPU UUID                                           : GPU-12345678-1111-2222-3333-444455556666
    PCI
        Device Id                                      : 0x20B710DE
    FB Memory Usage
        Total                                          : 24576 MiB
        Used                                           : 0 MiB
    ECC Mode
        Current                                        : Enabled
    Remapped Rows
        Correctable Error                              : 0
        Pending                                        : Yes
        Remapping Failure Occurred                     : No
"""

SMI_L = """\
GPU 0: NVIDIA A100 80GB PCIe (UUID: GPU-aaaaaaaa-0000-1111-2222-333333333333)
  MIG 1g.10gb     Device  0: (UUID: MIG-aaaaaaaa-0000-1111-2222-333333333334)
GPU 1: NVIDIA A100 80GB PCIe (UUID: GPU-bbbbbbbb-0000-1111-2222-333333333333)
"""

SMI_CSV = """\
index, name, driver_version, memory.total [MiB], compute_cap, pci.bus_id
0, NVIDIA L4, 550.54.15, 23034 MiB, 8.9, 00000000:00:03.0
1, NVIDIA L4, 550.54.15, 23034 MiB, 8.9, 00000000:00:04.0
0, NVIDIA L4, 550.54.15, 23034 MiB, 8.9, 00000000:00:03.0
"""

PIP_LIST = """\
Package            Version      Editable project location
------------------ ------------ -------------------------
numpy              2.1.0
nvidia-cublas-cu12 12.1.3.1
torch              2.2.1+cu121
torchvision        0.17.1+cu121
"""

CONDA_LIST = """\
# packages in environment at /opt/conda/envs/vid:
#
# Name                    Version                   Build  Channel
cudatoolkit               11.3.1               h2bc3f7f_2
pytorch                   1.12.1              py3.9_cpu_0    pytorch
pip                       22.1.2                   pypi_0    pypi
torchvision               0.13.1                 py39_cpu    pytorch
"""

REPORTS = {
    "collect_env": COLLECT_ENV,
    "old": OLD,
    "vllm": VLLM,
    "rocm": ROCM,
    "xpu": XPU,
    "no_torch": NO_TORCH,
    "cpu_build_with_gpu": CPU_BUILD_WITH_GPU,
    "cpu_build_alone": CPU_BUILD_ALONE,
    "detectron2": DETECTRON2,
    "smi_old": SMI_OLD,
    "smi_new": SMI_NEW,
    "smi_q": SMI_Q,
    "smi_l": SMI_L,
    "smi_csv": SMI_CSV,
    "pip_list": PIP_LIST,
    "conda_list": CONDA_LIST,
}
