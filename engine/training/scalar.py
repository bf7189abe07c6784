"""Steps as lists of float operations: on a toy landscape, where a tensor operation costs far more than its arithmetic.

One step is taken on tensors, and every tensor operation of it is carried out on wires too. What the result depends
on, in its order, is a `Program`: some hundred additions and multiplications of Python floats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from engine.data import Examples
from engine.problems import Problem
from engine.problems.toys import TOYS
from engine.rules import Memory, need, scaled
from engine.training.batches import Batches
from engine.training.measure import noise_at
from engine.training.runs import RunSpec
from engine.training.wires import OPERATIONS, Operation, Wire

MOST = 2000
"""Operations of a program that is still faster than a step on tensors."""
REFUSED = (ArithmeticError, ValueError)
"""What Python raises where a tensor would be infinite or NaN: for 1/0, or the root of a negative number."""
KINDS = (torch.float64, torch.bool)
"""Tensors whose elements Python's numbers are, to the bit."""


Moving = tuple[Tensor, Memory, Memory]
"""What moves in a step: theta, and the memories of rule and update."""


class UnsupportedError(Exception):
    """Raised for what cannot be a program. It is no failure: the step on tensors remains."""


def offered(problem: Problem, device: str) -> bool:
    """Whether steps on a problem may be programs: floats are float64, and worth it only where tensors are tiny."""
    return isinstance(problem, TOYS) and problem.dtype == torch.float64 and device == "cpu"


class Course:
    """The steps that one run takes under one rule, many at a time."""

    def __init__(self, spec: RunSpec, program: Program, asked: float, data: Examples, noisy: bool):
        self.spec, self.program, self.asked, self.noisy, self.batches = (
            spec,
            program,
            asked,
            noisy,
            Batches(spec, "cpu"),
        )
        self.rows = [[_numbers(row) for row in values] for values in data] if not self.batches.whole else []

    def go(self, step: int, until: int, gradients: float, moving: Moving) -> tuple[int, float, Moving]:
        """Steps on from a step to another, or as far as Python's numbers go: where it stands, the gradients so far,
        and what has moved."""
        leaves, tree = tree_flatten(moving)
        values, spec = _numbers(moving), self.spec
        try:
            while step < until:
                factor = spec.factor(step)
                values = self.program([*values, spec.lr * factor, factor, *self._given(step, leaves[0])])
                gradients, step = gradients + self.asked, step + 1
        except REFUSED:
            pass
        return step, gradients, tree_unflatten(_tensors(values, leaves), tree)

    def _given(self, step: int, theta: Tensor) -> list[Any]:
        """The numbers that a step is given beside the rate: its noise and its batch."""
        given = noise_at(self.spec, step, theta).tolist() if self.noisy else []
        if self.rows:
            picked = self.batches.picked(step).tolist()
            given += [number for rows in self.rows for i in picked for number in rows[i]]
        return given


def course(
    spec: RunSpec, index: int, data: Examples, moving: Moving, take: Callable[..., tuple[Moving, float]]
) -> Course | None:
    """The steps of a run in its phase `index`, where they can be a program.

    `take` maps (rule, batch, lr, factor, clock, noise, moving) to what has moved, and the gradients that this took.
    `moving` is an example, for a program says what is done with numbers, whatever they are; it must follow from the
    spec alone, so that a resumed run goes on alike. There is no clock, which would change from step to step: a rule
    that reads it fails here.
    """
    rule, batches = spec.phases[index].rule, Batches(spec, "cpu")
    if need(rule, "next") and not batches.whole:
        return None
    noisy, rate = need(rule, "noise"), torch.ones((), dtype=spec.problem.dtype)
    noise = noise_at(spec, 0, moving[0]) if noisy else None
    inputs = (
        *tree_map(torch.clone, (moving, rate, rate)),
        [noise] if noisy else [],
        [] if batches.whole else [*batches.at(0, data)],
    )
    asked: list[float] = []

    def step(moving: Moving, lr: Tensor, factor: Tensor, noise: list[Tensor], batch: list[Tensor]) -> Moving:
        radius = rule if spec.radius == "constant" else scaled(rule, factor)
        moved, gradients = take(
            radius, Examples(*batch) if batch else data, lr, factor, None, noise[0] if noise else None, moving
        )
        asked.append(gradients)
        return moved

    try:
        program = traced(step, inputs, moving)
        _compare(
            program, step, tree_map(lambda tensor: 0.9 * tensor + 0.1 if tensor.is_floating_point() else tensor, inputs)
        )
    except (
        Exception
    ):  # whatever a rule does that cannot be traced, the step on tensors can do, and says what is wrong with it
        return None
    return Course(spec, program, asked[0], data, noisy)


def traced(f: Callable[..., Any], arguments: Sequence[Any], like: Any) -> Program:
    """A function of trees of tensors as a program from all their numbers to those of its result, which must be a
    tree as `like`."""
    tracer, inputs = Tracer(), []
    for tensor in tree_flatten(arguments)[0]:
        inputs += tracer.wire(tensor)
    with tracer:
        leaves, tree = tree_flatten(f(*arguments))
    expected, shape = tree_flatten(like)
    if tree != shape or [(leaf.shape, leaf.dtype) for leaf in leaves] != [
        (leaf.shape, leaf.dtype) for leaf in expected
    ]:
        raise UnsupportedError("the result is another tree")
    return Program(inputs, [value for leaf in leaves for value in tracer.elements(leaf).ravel()])


def _compare(program: Program, f: Callable[..., Any], arguments: Sequence[Any]) -> None:
    """Refuses a program that does not give what the function does for other arguments: some of it has gone on
    unseen."""
    if not np.allclose(program(_numbers(arguments)), _numbers(f(*arguments)), rtol=1e-9, atol=1e-12, equal_nan=True):
        raise UnsupportedError("a part of the function was not traced")


class Tracer(TorchDispatchMode):
    """While it is on, every operation on a tensor that has wires is carried out on these too."""

    def __init__(self):
        super().__init__()
        self.arrays: dict[
            int, tuple[Tensor, np.ndarray]
        ] = {}  # by identity; a tensor is kept so that no other takes its place

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler at the first operation, for a second

    def wire(self, tensor: Tensor) -> list[Wire]:
        """Makes a tensor's elements new wires."""
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
        made = OPERATIONS[name](*args, **kwargs)
        for tensor, array in zip(tree_flatten(result)[0], made if isinstance(made, list) else [made], strict=True):
            self._note(tensor, _objects(array))

    def _note(self, tensor: Tensor, array: np.ndarray) -> None:
        if tensor.dtype not in KINDS or array.shape != tensor.shape:
            raise UnsupportedError(f"{tensor.dtype} {array.shape}")
        self.arrays[id(tensor)] = tensor, array


class Program:
    """Operations on numbers, of which each takes two that are given, constant or made before."""

    def __init__(self, inputs: Sequence[Wire], outputs: Sequence[Any]):
        made = _needed(outputs)
        if len(made) > MOST:
            raise UnsupportedError(f"{len(made)} operations")
        parts = [part for wire in made for part in wire.of] + [*outputs]
        constants = {_key(part): part for part in parts if not isinstance(part, Wire)}
        places = {key: i for i, key in enumerate([*constants, *inputs, *made])}
        self.constants = [*constants.values()]
        self.operations = [
            (cast(Operation, wire.operation), places[_key(wire.of[0])], places[_key(wire.of[-1])]) for wire in made
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
    found: set[Wire] = set()
    left = [*outputs]
    while left:
        wire = left.pop()
        if isinstance(wire, Wire) and wire.operation and wire not in found:
            found.add(wire)
            left += wire.of
    return sorted(found, key=lambda wire: wire.made)


def _objects(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=object)


def _numbers(tree: Any) -> list[Any]:
    """All elements of a tree's tensors."""
    return [value for leaf in tree_flatten(tree)[0] for value in leaf.reshape(-1).tolist()]


def _tensors(values: list[Any], like: Sequence[Tensor]) -> list[Tensor]:
    """The elements of some tensors in the shapes of these."""
    made, start = [], 0
    for leaf in like:
        made.append(torch.tensor(values[start : start + leaf.numel()], dtype=leaf.dtype).view(leaf.shape))
        start += leaf.numel()
    return made
