"""Compiled functions, for ensembles that train long enough to repay the compiler's time."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch.fx.experimental.proxy_tensor import make_fx


@cache
def compiler(device: str = "cpu") -> bool:
    """Whether this machine can compile for a device: a C++ compiler for the CPU, Triton for CUDA."""
    if device.startswith("cuda"):
        return importlib.util.find_spec("triton") is not None
    return any(shutil.which(name) for name in ("g++", "clang++", "c++"))


def compiled(f: Callable[..., Any], *arguments: Any) -> Callable[..., Any]:
    """f, compiled for arguments of the same shapes as these.

    It is traced to its tensor operations first: the compiler need not understand the Python around them, and what
    that Python does besides happens once, here.
    """
    return torch.compile(make_fx(f)(*arguments), dynamic=False)  # type: ignore[return-value]  # declared for modules and functions both
