"""A tally of tensor operations: what is done on torch's `meta` device, whose tensors have shapes and no numbers, is
counted in microseconds, whatever it would take where the numbers are."""

from __future__ import annotations

import statistics
import time
import weakref
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from engine.machine import settle


class Toll(NamedTuple):
    """What is done: operations, the floating-point operations of the matrix products and convolutions among them,
    and the bytes that they write."""

    calls: float
    flops: float
    written: float

    def plus(self, other: Toll, times: float = 1) -> Toll:
        """Both, the other so many times."""
        return Toll(*(a + times * b for a, b in zip(self, other, strict=True)))


class Tally(TorchDispatchMode):
    """Counts what is done on `meta` while it is in force, and the bytes that are held at once.

    Whoever reads a number there gets 1.
    """

    def __init__(self):
        super().__init__()
        self.toll, self.held, self.most = Toll(0, 0, 0), 0, 0
        self._seen: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, func.overloadpacket
        if not any(isinstance(t, torch.Tensor) and t.is_meta for t in tree_leaves((args, kwargs))):
            return self._noted(func(*args, **kwargs), 0, 0)
        if name is torch.ops.aten._local_scalar_dense:
            return torch.ones((), dtype=args[0].dtype).item()
        if name is torch.ops.aten._to_copy and str(kwargs.get("device")) == "cpu":
            return torch.ones(args[0].shape, dtype=kwargs.get("dtype") or args[0].dtype)
        result = func(*args, **kwargs)
        flops = flop_registry[name](*args, **kwargs, out_val=result) if name in flop_registry else 0
        return self._noted(result, int(not func.is_view), flops)

    def _noted(self, result: Any, calls: int, flops: float) -> Any:
        """The result, once it is counted."""
        written = sum(self._new(t) for t in tree_leaves(result) if isinstance(t, torch.Tensor) and t.is_meta)
        self.toll = self.toll.plus(Toll(calls, flops, written))
        return result

    def _new(self, tensor: torch.Tensor) -> int:
        """The bytes of a tensor that is no view of one that is known; they are held until it is gone."""
        storage = tensor.untyped_storage()
        if storage in self._seen:
            return 0
        self._seen.add(storage)
        size = storage.nbytes()
        self._hold(size)
        weakref.finalize(storage, self._hold, -size)
        return size

    def _hold(self, size: int) -> None:
        self.held += size
        self.most = max(self.most, self.held)


class Speed(NamedTuple):
    """How fast this machine does it, one torch thread on the CPU."""

    call: float  # seconds an operation, however small
    flops: float  # a second
    written: float  # bytes a second

    def seconds(self, toll: Toll) -> float:
        """How long it takes."""
        return toll.calls * self.call + toll.flops / self.flops + toll.written / self.written


@cache
def speed() -> Speed:
    """Measured once in a process, in some hundredths of a second."""
    settle()
    small, square, large = torch.ones(8, requires_grad=True), torch.ones(384, 384), torch.ones(2**18)
    gradient = timed(lambda: torch.autograd.grad((small * small).sum(), small))
    return Speed(
        call=gradient / 6,
        flops=2 * 384**3 / timed(lambda: square @ square),
        written=large.nbytes / timed(lambda: large.tanh()),
    )


def timed(work: Callable[[], object], repeats: int = 15) -> float:
    """Seconds that work takes: the median of some repeats, the first left out."""
    work()
    spent = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        spent.append(time.perf_counter() - started)
    return statistics.median(spent)
