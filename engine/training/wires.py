"""Wires: numbers that note what is done with them, and the operations of torch on arrays of such numbers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np

Operation = Callable[[Any, Any], Any]


class Wire:
    """A number that is not known yet, and the operation on one or two others that it comes from."""

    __slots__ = ("inputs", "operation", "serial")
    _serials = count()

    def __init__(self, operation: Operation | None = None, *inputs: Any):
        self.operation, self.inputs, self.serial = operation, inputs, next(self._serials)

    def __add__(self, other: Any) -> Wire:
        return Wire(operator.add, self, other)

    def __radd__(self, other: Any) -> Wire:
        return Wire(operator.add, other, self)

    def __sub__(self, other: Any) -> Wire:
        return Wire(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Wire:
        return Wire(operator.sub, other, self)

    def __mul__(self, other: Any) -> Wire:
        return self if _is(other, 1) else Wire(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Wire:
        return self * other

    def __truediv__(self, other: Any) -> Wire:
        return self if _is(other, 1) else Wire(operator.truediv, self, other)

    def __rtruediv__(self, other: Any) -> Wire:
        return Wire(operator.truediv, other, self)

    def __pow__(self, other: Any) -> Any:
        if _is(other, 1, 2, 3, 4):
            square = self * self
            return {1: self, 2: square, 3: square * self, 4: square * square}[other]
        return 1.0 if _is(other, 0) else Wire(math.pow, self, other)

    def __rpow__(self, other: Any) -> Wire:
        return Wire(math.pow, other, self)

    def __neg__(self) -> Wire:
        return Wire(operator.mul, self, -1.0)


def _is(value: Any, *these: float) -> bool:
    return not isinstance(value, Wire) and value in these


def _unary(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of one number, on every element: now where it is known, else by a wire."""

    def operation(a: Any, _: Any) -> Any:  # of two, because all operations are
        return f(a)

    operation.__name__ = f.__name__
    return np.frompyfunc(lambda a: Wire(operation, a) if isinstance(a, Wire) else f(a), 1, 1)


def _binary(f: Operation) -> Callable[[Any, Any], Any]:
    """The same for a function of two numbers."""
    return np.frompyfunc(lambda a, b: Wire(f, a, b) if isinstance(a, Wire) or isinstance(b, Wire) else f(a, b), 2, 1)


def sign(a: Any) -> float:
    """0 for NaN, as in torch."""
    return float((a > 0) - (a < 0))


def smaller(a: Any, b: Any) -> Any:
    """NaN where either is, as in torch."""
    return b if b < a or b != b else a


def larger(a: Any, b: Any) -> Any:
    """NaN where either is, as in torch."""
    return b if b > a or b != b else a


def pair(a: Any, b: Any) -> tuple[Any, Any]:
    """What a truth value picks from."""
    return b, a


_sqrt, _sign, _smaller, _larger = _unary(math.sqrt), _unary(sign), _binary(smaller), _binary(larger)
_pair, _choice = _binary(pair), _binary(operator.getitem)


def _clamp(a: Any, min: Any = None, max: Any = None) -> Any:
    a = a if min is None else _larger(a, min)
    return a if max is None else _smaller(a, max)


def _sum(a: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return a.sum(axis=tuple(dim) if dim else None, keepdims=keepdim)


def _mean(a: Any, dim: Any = None, keepdim: bool = False) -> Any:
    total = _sum(a, dim, keepdim)
    return total / (a.size / np.size(total))


def _norm(a: Any, ord: float = 2, dim: Any = None, keepdim: bool = False) -> Any:
    if ord != 2:
        raise ValueError(f"norm {ord}")
    return _sqrt(_sum(a * a, dim, keepdim))


def _where(condition: Any, a: Any, b: Any) -> Any:
    return _choice(_pair(a, b), condition)


def _squeeze(a: Any, dim: Any = None) -> Any:
    dims = range(a.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    return a.squeeze(tuple(d for d in dims if a.ndim and a.shape[d] == 1))


def _select(a: Any, dim: int, index: int) -> Any:
    return np.moveaxis(a, dim, 0)[index]


def _slice(a: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    return a[(slice(None),) * (dim % a.ndim) + (slice(start, end, step),)]


def _expand(a: Any, size: Sequence[int]) -> Any:
    new = len(size) - a.ndim
    return np.broadcast_to(a, [a.shape[i - new] if s == -1 else s for i, s in enumerate(size)])


def _backward(take: Callable[..., Any]) -> Callable[..., Any]:
    """Zeros of a size, with the gradient where `take` took a part."""

    def put(gradient: Any, sizes: Sequence[int], *where: Any) -> Any:
        filled = np.full(math.prod(sizes), 0.0, dtype=object)
        filled[np.ravel(take(np.arange(filled.size).reshape(sizes), *where))] = np.ravel(gradient)
        return filled.reshape(sizes)

    return put


def _filled(value: float) -> Callable[..., Any]:
    return lambda a, **_: np.full(a.shape, value, dtype=object)


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "add": lambda a, b, alpha=1: a + b * alpha,
    "sub": lambda a, b, alpha=1: a - b * alpha,
    "rsub": lambda a, b, alpha=1: b - a * alpha,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
    "pow": operator.pow,
    "reciprocal": lambda a: 1.0 / a,
    "addcdiv": lambda a, b, c, value=1: a + b / c * value,
    "addcmul": lambda a, b, c, value=1: a + b * c * value,
    "lerp": lambda a, b, weight: a + (b - a) * weight,
    "sqrt": _sqrt,
    "rsqrt": lambda a: 1.0 / _sqrt(a),
    **{name: _unary(getattr(math, name)) for name in ("exp", "tanh", "sin", "cos")},
    "abs": _unary(abs),
    **dict.fromkeys(("sign", "sgn"), _sign),
    "maximum": _larger,
    "minimum": _smaller,
    "clamp": _clamp,
    "clamp_min": lambda a, min: _clamp(a, min),
    "clamp_max": lambda a, max: _clamp(a, None, max),
    **{name: _binary(getattr(operator, name)) for name in ("lt", "le", "gt", "ge", "eq", "ne")},
    "where": _where,
    "masked_fill": lambda a, mask, value: _where(mask, value, a),
    "sum": _sum,
    "mean": _mean,
    "linalg_vector_norm": _norm,
    **dict.fromkeys(("dot", "mv", "mm"), operator.matmul),
    "unbind": lambda a, dim=0: list(np.moveaxis(a, dim, 0)),
    "select": _select,
    "slice": _slice,
    **{f"{take.__name__[1:]}_backward": _backward(take) for take in (_select, _slice)},
    "split": lambda a, size, dim=0: np.split(a, range(size, a.shape[dim], size), dim),
    "stack": np.stack,
    "cat": np.concatenate,
    **dict.fromkeys(("view", "_unsafe_view", "reshape"), np.reshape),
    "expand": _expand,
    "unsqueeze": np.expand_dims,
    "squeeze": _squeeze,
    **dict.fromkeys(("t", "permute"), np.transpose),
    "transpose": np.swapaxes,
    **dict.fromkeys(("clone", "detach", "alias"), lambda a, **_: a),
    "ones_like": _filled(1.0),
    "zeros_like": _filled(0.0),
}
"""By the names that torch gives them: on arrays of objects, which are wires, floats and truth values."""
