"""Weights: the tensors of a checkpoint by name, as files that other programs read.

Names, shapes and their order are the layout of the model, as PyTorch's modules have them: a weight is [outputs, inputs,
...] and comes before its bias.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.analyses.surface import checkpoint_row
from engine.problems import Problem
from engine.records import Run
from engine.spec import SpecError, digest, encode
from engine.training.runs import RunSpec

Weights = dict[str, np.ndarray]
METADATA = "__metadata__"
"""The name that safetensors reserves, and the array that holds the same as JSON in an NPZ file."""
DTYPES = {"float32": "F32", "float64": "F64"}
"""What safetensors calls a tensor's numbers."""


def weights(problem: Problem, theta: np.ndarray) -> Weights:
    """theta [n] as the problem's tensors: by name, in the order of its layout and in its shapes; views of theta."""
    if theta.shape != (problem.size(),):
        raise SpecError(f"theta: expected {problem.size()} numbers, got shape {list(theta.shape)}")
    starts = np.cumsum([b.size for b in problem.layout])[:-1]
    parts = np.split(theta, starts)
    return {b.name: part.reshape(b.shape) for b, part in zip(problem.layout, parts, strict=True)}


def npz(tensors: Weights, metadata: Mapping[str, str]) -> bytes:
    """A NumPy archive: one array for each tensor, and the metadata as JSON text; the same bytes each time."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **tensors, **{METADATA: np.array(json.dumps(dict(metadata)))})
    return file.getvalue()


def safetensors(tensors: Weights, metadata: Mapping[str, str]) -> bytes:
    """The format of https://github.com/huggingface/safetensors: the length of a JSON header as 8 bytes, the header,
    and the numbers of all tensors one after the other, little-endian and row by row."""
    header: dict[str, Any] = {METADATA: dict(metadata)}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.nbytes
        header[name] = {"dtype": DTYPES[tensor.dtype.name], "shape": [*tensor.shape], "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers begin at a multiple of their size
    data = (tensor.astype(tensor.dtype.newbyteorder("<")).tobytes() for tensor in tensors.values())
    return b"".join((len(text).to_bytes(8, "little"), text, *data))


FORMATS = {"npz": npz, "safetensors": safetensors}


def weights_file(spec: RunSpec, run: Run, checkpoint: int = -1, format: str = "safetensors") -> bytes:
    """The tensors at a measured point of a run's path, counted from 0 (-1 is the last), in one of FORMATS.

    Its metadata are texts: the run's digest, the step and, as JSON, the spec. SpecError for a checkpoint that the run
    does not have and for another format.
    """
    if format not in FORMATS:
        raise SpecError(f"format: expected one of {', '.join(FORMATS)}, got {str(format)[:40]!r}")
    if checkpoint < -1:
        raise SpecError(f"checkpoint: expected at least -1, the last, got {checkpoint}")
    row = checkpoint_row(run, checkpoint)
    metadata = {"run": digest(spec), "step": str(int(run.steps[row])), "spec": json.dumps(encode(spec))}
    return FORMATS[format](weights(spec.problem, run.path[row]), metadata)
