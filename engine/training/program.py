"""Programs: functions of tensors as lists of float operations, for where a tensor operation costs far more than its
arithmetic.

The function is computed once on tensors, and every tensor operation of it is carried out on wires too. What the
result depends on, in its order, is a `Program`: some hundred additions and multiplications of Python floats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from engine.training.wires import OPERATIONS, Operation, Wire

MOST = 2000
"""Operations of a program that is still faster than the function on tensors."""
KINDS = (torch.float64, torch.bool)
"""Tensors whose elements Python's numbers are, to the bit."""


class UnsupportedError(Exception):
    """Raised for what cannot be a program. It is no failure: the function on tensors remains."""


def traced(f: Callable[..., Any], arguments: Sequence[Any], like: Any) -> Program:
    """A function of trees of tensors as a program from all their numbers to those of its result.

    UnsupportedError where that cannot be: the result must be a tree as `like`, and the program must give what the
    function does for other arguments too, or some of it has gone on unseen.
    """
    tracer, inputs = Tracer(), []
    for tensor in tree_flatten(arguments)[0]:
        inputs += tracer.wire(tensor)
    with tracer:
        result = f(*arguments)
    if _form(result) != _form(like):
        raise UnsupportedError("the result is another tree")
    outputs = [value for leaf in tree_flatten(result)[0] for value in tracer.elements(leaf).ravel()]
    program, others = Program(inputs, outputs), tree_map(_another, arguments)
    if not np.allclose(program(numbers(others)), numbers(f(*others)), rtol=1e-9, atol=1e-12, equal_nan=True):
        raise UnsupportedError("a part of the function was not traced")
    return program


def _form(tree: Any) -> tuple[Any, ...]:
    """A tree's structure, and the shapes and types of its tensors."""
    leaves, structure = tree_flatten(tree)
    return structure, [(leaf.shape, leaf.dtype) for leaf in leaves]


def _another(tensor: Tensor) -> Tensor:
    """Other numbers of the same kind."""
    return 0.9 * tensor + 0.1 if tensor.is_floating_point() else tensor


class Tracer(TorchDispatchMode):
    """While it is on, every operation on a tensor that has wires is carried out on these too."""

    def __init__(self):
        super().__init__()
        # by identity; a tensor is kept so that no other takes its place
        self.arrays: dict[int, tuple[Tensor, np.ndarray]] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler at the first operation, for a second

    def wire(self, tensor: Tensor) -> list[Wire]:
        """New wires for a tensor's elements, in their order."""
        wires = [Wire() for _ in range(tensor.numel())]
        self._note(tensor, _objects(wires).reshape(tuple(tensor.shape)))
        return wires

    def elements(self, value: Any) -> Any:
        """Wires for a tensor that has some, numbers for any other; what is no tensor stays as it is."""
        if not isinstance(value, Tensor):
            return value
        return self.arrays[id(value)][1] if id(value) in self.arrays else _objects(value.tolist())

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = (args, kwargs or {})
        result = operation(*given[0], **given[1])
        if any(id(value) in self.arrays for value in tree_flatten(given)[0] if isinstance(value, Tensor)):
            self._carry_out(operation, *given, result)
        elif torch.Tag.nondeterministic_seeded in operation.tags:
            raise UnsupportedError(f"{operation} draws anew each time")
        return result

    def _carry_out(self, operation: Any, args: Any, kwargs: Any, result: Any) -> None:
        # one in place gives its first argument, whose wires are then others
        name = str(operation).split(".")[1].removesuffix("_")
        if name not in OPERATIONS or (result is args[0] and result._is_view()):
            raise UnsupportedError(str(operation))
        args, kwargs = tree_map(self.elements, (args, kwargs))
        value = OPERATIONS[name](*args, **kwargs)
        arrays = value if isinstance(value, list) else [value]
        for tensor, array in zip(tree_flatten(result)[0], arrays, strict=True):
            self._note(tensor, _objects(array))

    def _note(self, tensor: Tensor, array: np.ndarray) -> None:
        if tensor.dtype not in KINDS or array.shape != tensor.shape:
            raise UnsupportedError(f"{tensor.dtype} {array.shape}")
        self.arrays[id(tensor)] = tensor, array


class Program:
    """Operations on numbers, of which each takes two that are given, constant or made before."""

    def __init__(self, inputs: Sequence[Wire], outputs: Sequence[Any]):
        wires = _needed(outputs)
        if len(wires) > MOST:
            raise UnsupportedError(f"{len(wires)} operations")
        parts = [part for wire in wires for part in wire.inputs] + [*outputs]
        constants = {_key(part): part for part in parts if not isinstance(part, Wire)}
        places = {key: i for i, key in enumerate([*constants, *inputs, *wires])}
        self.constants = [*constants.values()]
        self.operations = [
            (cast(Operation, wire.operation), places[_key(wire.inputs[0])], places[_key(wire.inputs[-1])])
            for wire in wires
        ]
        self.outputs = [places[_key(value)] for value in outputs]

    def __call__(self, inputs: list[Any]) -> list[Any]:
        registers = self.constants + inputs
        keep = registers.append
        for operation, a, b in self.operations:
            keep(operation(registers[a], registers[b]))
        return [registers[i] for i in self.outputs]


def _key(part: Any) -> Any:
    """What a register is found by: for constants not their value, as 1, 1.0 and True are equal, and 0.0 and -0.0."""
    return part if isinstance(part, Wire) else (type(part), repr(part))


def _needed(outputs: Sequence[Any]) -> list[Wire]:
    """The wires, but the inputs, that the outputs depend on, in the order in which they were made."""
    needed: set[Wire] = set()
    left = [*outputs]
    while left:
        wire = left.pop()
        if isinstance(wire, Wire) and wire.operation and wire not in needed:
            needed.add(wire)
            left += wire.inputs
    return sorted(needed, key=lambda wire: wire.serial)


def _objects(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=object)


def numbers(tree: Any) -> list[Any]:
    """All elements of a tree's tensors."""
    return [value for leaf in tree_flatten(tree)[0] for value in leaf.reshape(-1).tolist()]


def tensors(values: list[Any], like: Sequence[Tensor]) -> list[Tensor]:
    """`numbers` undone: tensors of these elements, in the shapes and types of others."""
    elements = iter(values)
    return [torch.tensor([*islice(elements, leaf.numel())], dtype=leaf.dtype).view(leaf.shape) for leaf in like]
