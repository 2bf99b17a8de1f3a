"""What error messages in a text tell; each cause with a message and with a near miss."""

from typing import Any

import msgspec
import pytest

from envcheck.facts import Distribution, Snapshot, Symptoms, absent
from envcheck.finding import WARNING
from envcheck.kb import load
from envcheck.readers import symptom
from tests.rules.machine import change, fires, gpu, healthy, not_applicable, passes, report


def told(text: str, cuda_available: Any = False) -> Snapshot:
    """The healthy machine with what the text complains of."""
    found = symptom.read(text, load())
    said = msgspec.structs.replace(found, cuda_available=cuda_available)
    return change(healthy(), symptoms=said)


def names(snapshot: Snapshot, rule: str) -> list[str]:
    return [finding.name for finding in report(snapshot, rule).findings]


def test_messages_bear_the_name_of_the_check_they_tell_of() -> None:
    text = "ImportError: x/_C.so: undefined symbol: _ZN2at4_ops3add\n"
    found = fires("known_error_reported", told(text))
    assert (found.code, found.name) == ("EXT001", "extension_built_for_other_torch")
    assert text.strip() in [evidence.value for evidence in found.evidence]
    passes("known_error_reported", told("ImportError: x.so: undefined symbol: sqlite3_open\n"))
    not_applicable("known_error_reported", healthy())


def test_a_message_is_not_told_twice() -> None:
    text = "The NVIDIA driver on your system is too old (found version 11040)."
    snapshot = change(told(text), driver__version="470.57.02", driver__cuda="11.4")
    both = report(snapshot, "driver_too_old", "known_error_reported").findings
    assert [finding.name for finding in both] == ["driver_too_old"]
    assert names(change(told(text), driver__version=absent()), "known_error_reported") == [
        "driver_too_old"
    ]


def test_cuda_that_works_refutes_what_would_stop_it() -> None:
    text = "RuntimeError: Found no NVIDIA driver on your system."
    assert names(told(text), "known_error_reported") == ["driver_not_loaded"]
    assert names(told(text, cuda_available=True), "known_error_reported") == []


def test_no_kernel_image_is_an_extension_only_where_torch_has_the_code() -> None:
    text = "detectron2 RuntimeError: CUDA error: no kernel image is available for execution on the"
    assert "extension_arch_missing" in names(told(text + " device"), "known_error_reported")
    other = change(told(text + " device"), gpus__devices=(gpu(sm="12.0"),))
    assert names(other, "known_error_reported") == []
    assert report(other, "arch_not_in_build").findings


def test_report_contradicts_symptom() -> None:
    text = "AssertionError: Torch not compiled with CUDA enabled"
    found = fires("report_contradicts_symptom", told(text, cuda_available=True))
    assert found.severity == WARNING and text in found.message
    passes("report_contradicts_symptom", told(text, cuda_available=False))
    passes("report_contradicts_symptom", told("CUDA out of memory", cuda_available=True))


def test_conda_solver_picked_cpu() -> None:
    def conda(build: str, *more: Distribution) -> Snapshot:
        mine = Distribution("torch", "2.1.0", "", "conda", build)
        return change(healthy(), python__distributions=(mine, *more))

    toolkit = Distribution("pytorch-cuda", "12.1", "", "conda", "ha16c6d3_5")
    found = fires("conda_solver_picked_cpu", conda("py3.10_cpu_0", toolkit))
    assert "pytorch-cuda 12.1" in found.message
    passes("conda_solver_picked_cpu", conda("py3.10_cuda12.1_cudnn8.9.2_0", toolkit))
    passes("conda_solver_picked_cpu", conda("py3.10_cpu_0"))
    not_applicable("conda_solver_picked_cpu", healthy())


def test_apt_repo_conflict() -> None:
    text = "libnvidia-gl-550 : Depends: libnvidia-common-550 but it is not going to be installed"
    fires("apt_repo_conflict", told(text))
    passes("apt_repo_conflict", told("ffmpeg : Depends: libavcodec59 but it is not installable"))


def test_bnb_no_windows_build() -> None:
    fires(
        "bnb_no_windows_build",
        told("File C:\\v\\Lib\\site-packages\\x\nTypeError: argument of type 'WindowsPath' is not"
             " iterable"),
    )  # fmt: skip
    passes("bnb_no_windows_build", told("TypeError: argument of type 'PosixPath' is not iterable"))


def test_build_isolation_hides_torch() -> None:
    text = "error: subprocess-exited-with-error\n  ModuleNotFoundError: No module named 'torch'"
    fires("build_isolation_hides_torch", told(text))
    passes("build_isolation_hides_torch", told("ModuleNotFoundError: No module named 'torch'"))


def test_kernel_too_new_for_driver() -> None:
    text = "Error! Bad return status for module build on kernel: 6.14.0-1-generic (x86_64)\n"
    fires("kernel_too_new_for_driver", told(text + "/var/lib/dkms/nvidia/550.54/build/make.log"))
    passes("kernel_too_new_for_driver", told(text + "/var/lib/dkms/zfs/2.1/build/make.log"))


MESSAGES = {
    "empty_train_loader": (
        "UnboundLocalError: cannot access local variable 'inputs' where it is not associated",
        "UnboundLocalError: cannot access local variable 'outputs' where it is not associated",
    ),
    "libcudart_not_found": (
        "OSError: libcudart.so.10.2: cannot open shared object file: No such file or directory",
        "OSError: libfreetype.so.6: cannot open shared object file: No such file or directory",
    ),
    "no_wheel_for_this_python_or_index": (
        "ERROR: No matching distribution found for torch==1.12.1+cu113",
        "ERROR: No matching distribution found for decord==0.6.0",
    ),
    "numpy_too_new_alias": (
        "AttributeError: module 'numpy' has no attribute 'int'.",
        "AttributeError: module 'numpy' has no attribute 'foo'.",
    ),
    "nvenc_api_too_new": (
        "[hevc_nvenc @ 0x1] Driver does not support the required nvenc API version. Required: 13.0",
        "[hevc_nvenc @ 0x1] Loaded Nvenc version 12.1",
    ),
    "nvenc_profile_or_gpu_unsupported": (
        "[h264_nvenc @ 0x1] 10 bit encode not supported",
        "[libx265 @ 0x1] 10 bit encode not supported",
    ),
    "optimizer_state_mismatch": (
        "ValueError: loaded state dict contains a parameter group that doesn't match the size of"
        " optimizer's group",
        "ValueError: optimizer got an empty parameter list",
    ),
    "pyav_too_old": (
        "AttributeError: 'av.container.input.InputContainer' object has no attribute 'close'",
        "AttributeError: 'av.container.input.InputContainer' object has no attribute 'colour'",
    ),
    "pytorchvideo_from_pypi": (
        "ModuleNotFoundError: No module named 'pytorchvideo.losses'",
        "ModuleNotFoundError: No module named 'pytorchvideo'",
    ),
    "slowfast_decoder_bug": (
        "UnboundLocalError: local variable 'start_end_delta_time' referenced before assignment",
        "UnboundLocalError: local variable 'start_time' referenced before assignment",
    ),
    "torchvision_too_new_for_basicsr": (
        "realesrgan: No module named 'torchvision.transforms.functional_tensor'",
        "No module named 'torchvision.transforms.v2'",
    ),
    "torchvision_too_new_for_pytorchvideo": (
        "pytorchvideo: No module named 'torchvision.transforms.functional_tensor'",
        "pytorchvideo: No module named 'torchvision.transforms.v2'",
    ),
    "torchvision_without_video_reader": (
        "RuntimeError: No such operator video_reader::read_video_from_memory",
        "RuntimeError: No such operator image::decode_jpeg",
    ),
}


def test_empty_train_loader() -> None:
    fires("empty_train_loader", told(MESSAGES["empty_train_loader"][0]))
    passes("empty_train_loader", told(MESSAGES["empty_train_loader"][1]))


def test_libcudart_not_found() -> None:
    fires("libcudart_not_found", told(MESSAGES["libcudart_not_found"][0]))
    passes("libcudart_not_found", told(MESSAGES["libcudart_not_found"][1]))


def test_no_wheel_for_this_python_or_index() -> None:
    name = "no_wheel_for_this_python_or_index"
    fires("no_wheel_for_this_python_or_index", told(MESSAGES[name][0]))
    passes("no_wheel_for_this_python_or_index", told(MESSAGES[name][1]))


def test_numpy_too_new_alias() -> None:
    fires("numpy_too_new_alias", told(MESSAGES["numpy_too_new_alias"][0]))
    passes("numpy_too_new_alias", told(MESSAGES["numpy_too_new_alias"][1]))


def test_nvenc_api_too_new() -> None:
    fires("nvenc_api_too_new", told(MESSAGES["nvenc_api_too_new"][0]))
    passes("nvenc_api_too_new", told(MESSAGES["nvenc_api_too_new"][1]))


def test_nvenc_profile_or_gpu_unsupported() -> None:
    name = "nvenc_profile_or_gpu_unsupported"
    fires("nvenc_profile_or_gpu_unsupported", told(MESSAGES[name][0]))
    passes("nvenc_profile_or_gpu_unsupported", told(MESSAGES[name][1]))


def test_optimizer_state_mismatch() -> None:
    fires("optimizer_state_mismatch", told(MESSAGES["optimizer_state_mismatch"][0]))
    passes("optimizer_state_mismatch", told(MESSAGES["optimizer_state_mismatch"][1]))


def test_pyav_too_old() -> None:
    fires("pyav_too_old", told(MESSAGES["pyav_too_old"][0]))
    passes("pyav_too_old", told(MESSAGES["pyav_too_old"][1]))


def test_pytorchvideo_from_pypi() -> None:
    fires("pytorchvideo_from_pypi", told(MESSAGES["pytorchvideo_from_pypi"][0]))
    passes("pytorchvideo_from_pypi", told(MESSAGES["pytorchvideo_from_pypi"][1]))


def test_slowfast_decoder_bug() -> None:
    fires("slowfast_decoder_bug", told(MESSAGES["slowfast_decoder_bug"][0]))
    passes("slowfast_decoder_bug", told(MESSAGES["slowfast_decoder_bug"][1]))


def test_torchvision_too_new_for_basicsr() -> None:
    name = "torchvision_too_new_for_basicsr"
    fires("torchvision_too_new_for_basicsr", told(MESSAGES[name][0]))
    passes("torchvision_too_new_for_basicsr", told(MESSAGES[name][1]))


def test_torchvision_too_new_for_pytorchvideo() -> None:
    name = "torchvision_too_new_for_pytorchvideo"
    fires("torchvision_too_new_for_pytorchvideo", told(MESSAGES[name][0]))
    passes("torchvision_too_new_for_pytorchvideo", told(MESSAGES[name][1]))


def test_torchvision_without_video_reader() -> None:
    name = "torchvision_without_video_reader"
    fires("torchvision_without_video_reader", told(MESSAGES[name][0]))
    passes("torchvision_without_video_reader", told(MESSAGES[name][1]))


@pytest.mark.parametrize("name", MESSAGES)
def test_a_snapshot_without_a_text_has_nothing_to_judge(name: str) -> None:
    assert not report(healthy(), name).findings
    assert not report(change(healthy(), symptoms=Symptoms()), name).findings
