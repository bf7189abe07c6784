"""Weights as files: what a reader of NPZ and of safetensors finds in them is the run's own network."""

import io
import json

import numpy as np
import pytest
import torch
from torch import nn

from engine.analyses.weights import FORMATS, weights, weights_file
from engine.data import Digits
from engine.models import CNN, MLP
from engine.problems import PROBLEMS, Classification
from engine.spec import SpecError, digest, parse
from engine.training.runs import RUNS, RunSpec
from tests.drive import record
from tests.family import networks

PROBLEM = Classification(Digits(train=40), MLP(width=5, depth=1))
SPEC = RunSpec(PROBLEM, batch=0, every=10)
RUN = record(SPEC, torch.stack([PROBLEM.start(seed) for seed in range(3)]))
NUMBERS = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}


def read_npz(data: bytes):
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return arrays, json.loads(str(arrays.pop("__metadata__")))


def read_safetensors(data: bytes):
    """As its specification has it: no byte unread, no tensor over another, no gap."""
    start = 8 + int.from_bytes(data[:8], "little")
    assert data[8:9] == b"{" and start % 8 == 0
    header = json.loads(data[8:start])
    metadata, arrays, read = header.pop("__metadata__"), {}, 0
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        assert first == read
        arrays[name] = np.frombuffer(data[start + first : start + end], NUMBERS[entry["dtype"]]).reshape(entry["shape"])
        read = end
    assert start + read == len(data)
    return arrays, metadata


READERS = {"npz": read_npz, "safetensors": read_safetensors}


@pytest.mark.parametrize("format", FORMATS)
def test_a_plain_module_gives_the_runs_logits(format):
    """Wrong if tensors were cut at the wrong places, transposed, misnamed, or of another checkpoint."""
    arrays, metadata = READERS[format](weights_file(SPEC, RUN, 1, format))
    names = iter(arrays)
    x = PROBLEM.load("test").x
    layers = [nn.Linear(64, 5), nn.Linear(5, 10)]
    for layer in layers:
        layer.load_state_dict({kind: torch.tensor(arrays[next(names)]) for kind in ("weight", "bias")})
    module = nn.Sequential(nn.Flatten(), layers[0], nn.ReLU(), layers[1])
    assert torch.equal(module(x), PROBLEM.logits(torch.as_tensor(RUN.path[1]), x))
    assert [name.rpartition(".")[2] for name in arrays] == ["weight", "bias"] * 2
    assert metadata["run"] == digest(SPEC) and metadata["step"] == "10" and parse(RUNS, metadata["spec"]) == SPEC


def test_every_problem():
    """Each tensor of every model and landscape comes back with its name, shape, kind and bits, from the last row."""
    for problem in [
        *(Classification(*network) for network in networks().values()),
        *(cls() for cls in PROBLEMS.values()),
    ]:
        spec = RunSpec(problem, batch=0)
        run = record(spec, torch.stack([problem.start(1), problem.start(0)]))
        for format, read in READERS.items():
            arrays, _ = read(weights_file(spec, run, -1, format))
            assert [(b.name, b.shape) for b in problem.layout] == [(name, a.shape) for name, a in arrays.items()]
            assert {a.dtype for a in arrays.values()} == {run.path.dtype}
            assert np.array_equal(np.concatenate([a.flatten() for a in arrays.values()]), run.path[-1])


def test_the_same_bytes_each_time():
    convolutions = Classification(Digits(train=40), CNN(width=2))
    spec = RunSpec(convolutions, batch=0)
    run = record(spec, convolutions.start(0)[None])
    for format in FORMATS:
        assert weights_file(spec, run, 0, format) == weights_file(spec, run, -1, format)


def test_refusals():
    for checkpoint, format, message in (
        (3, "npz", "^checkpoint: expected at most 2"),
        (-2, "npz", "^checkpoint: expected at least -1"),
        (0, "pickle", "^format: expected one of npz, safetensors, got 'pickle'"),
    ):
        with pytest.raises(SpecError, match=message):
            weights_file(SPEC, RUN, checkpoint, format)
    with pytest.raises(SpecError, match=r"^checkpoint: the run has no measured point yet"):
        weights_file(SPEC, record(SPEC, np.zeros((0, PROBLEM.size()))), -1)
    with pytest.raises(SpecError, match=r"^theta: expected "):
        weights(PROBLEM, np.zeros(3, np.float32))
