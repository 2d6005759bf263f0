"""Where predictions are computed: on the CPU, or on an NVIDIA GPU if there is one and the setting asks for it."""

import ctypes
from typing import Literal, TypeAlias

Device: TypeAlias = Literal["cpu", "cuda"]
Asked: TypeAlias = Literal["auto", "cpu", "cuda"]


def choose(asked: Asked, *, built_for_gpus: bool) -> tuple[Device, str]:
    """Choose the device, and say in a sentence why.

    Args:
        asked: `cpu`; or `cuda` or `auto`: the first GPU, the CPU if there is none.
        built_for_gpus: whether the library that predicts can use a GPU at all.
    """
    if asked == "cpu":
        return "cpu", "the setting asks for it"
    if not built_for_gpus:
        return "cpu", "the installed XGBoost is built without CUDA: install xgboost in place of xgboost-cpu"
    if not count_gpus():
        return "cpu", "there is no NVIDIA GPU, or no driver for it"
    return "cuda", "there is an NVIDIA GPU"


def count_gpus() -> int:
    """Count the NVIDIA GPUs that the driver offers; 0 without a driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int()
    # Both return 0 for success.
    found = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return count.value if found else 0
