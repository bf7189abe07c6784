"""What torch is told once in every process that computes: how to be fast with small models, and to give the same
bits each time."""

from __future__ import annotations

import os
import platform
import resource
import time
from pathlib import Path

import torch

CORES = min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
"""Threads that share the points of a surface."""
CACHED, SPACIOUS = 2**23, 2**26
"""Bytes of a tensor that stays in a CPU's caches, and of one that keeps an accelerator busy."""


def block(device: torch.device) -> int:
    """Bytes of the largest tensor in one forward pass: examples go through a model in as few pieces as this allows.
    On torch's `meta` device, where costs are counted, as on a CPU."""
    return CACHED if device.type in ("cpu", "meta") else SPACIOUS


def settle() -> None:
    """Sets torch up for this process; cheap, and harmless when repeated."""
    torch.set_num_threads(1)  # the same sums in the same order anywhere, and faster for models this small
    torch.backends.cudnn.deterministic, torch.backends.cudnn.allow_tf32 = True, False
    # glibc hands freed memory back to the kernel in pieces above a threshold, and page faults then cost a CNN as much
    # as its arithmetic;
    # freeing one large piece raises that threshold for good (mallopt(3), M_MMAP_THRESHOLD)
    torch.empty(4 * CACHED - 2**16, dtype=torch.uint8)


def memory() -> int:
    """Bytes that the processes here may use together: the machine's, or less where its container has a limit."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return whole
    return min(whole, int(limit)) if limit.isdigit() else whole


def bound(size: int) -> None:
    """Lets this process have so many bytes of data and no more: beyond, an allocation fails, and nothing else does."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if hard == resource.RLIM_INFINITY or size < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (size, hard))


def starved(error: BaseException) -> bool:
    """Whether an error says that there was not enough memory, in any of the ways of Python, NumPy and torch."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def made(device: str) -> dict[str, str]:
    """Where and when something was computed: device, hardware, torch's version, time of day."""
    hardware = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.machine()
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()) + " UTC"
    return {"device": device, "hardware": hardware, "torch": torch.__version__, "when": when}
