"""Records: round trips of every kind, one line for whatever is no record, and writes that happen whole or not at
all."""

import pickle
import random
import zipfile
from dataclasses import fields

import numpy as np
import pytest

from engine.records import (
    KINDS,
    Alignment,
    JointSurface,
    RecordError,
    Result,
    Run,
    Spectrum,
    Surface,
    load,
    save,
    write,
)
from tests.swept import ALONE, SOUGHT, designed, swept

SPEC = {"name": "RunSpec", "lr": 0.1, "rule": {"name": "SAM", "rho": 0.05}, "begin": [1.0, 2.0]}
LINE, NOTHING = np.array([0.0, 1.0, np.nan, np.inf, -0.0]), np.zeros(0)
FIVE = np.arange(5)
SURFACE: dict = {
    "a": LINE,
    "b": LINE,
    "loss": np.full((5, 5), np.nan),
    "accuracy": np.eye(5),
    "stride": 8,
    "split": "test",
    "labels": ("x", "y"),
    "unit": "é",
    "steps": FIVE,
    "path_a": LINE,
    "path_b": LINE,
    "residual": LINE,
    "path_loss": LINE,
    "plane_loss": LINE,
}
RECORDS = {
    "sweep": swept(),
    "a design": designed(),
    "a search, begun": designed(SOUGHT, status="running"),
    "a sweep of one knob, begun": swept(ALONE, done=0.5, status="running"),
    "run": Run(
        spec=SPEC,
        status="diverged",
        reason="the loss was \n?",
        made={"device": "cpu"},
        steps=FIVE,
        seconds=LINE,
        measures={"train_loss": LINE, "lr": LINE + 1},
        path=np.eye(5, dtype=np.float32),
        state={"step": np.array(3), "update.m": LINE.astype(np.float32)},
    ),
    "empty run": Run(spec={}, status="running"),
    "surface": Surface(
        spec=SPEC, run="0" * 16, checkpoint=2, norms=(1.0, 2.5), cosine=0.1, distance=LINE, explained=np.nan, **SURFACE
    ),
    "joint": JointSurface(
        spec=SPEC,
        runs=("0" * 16, "1" * 16),
        run_specs=(SPEC, SPEC),
        starts=np.array([0, 2, 5]),
        explained=np.ones(2),
        end_loss=np.ones(2),
        end_sharpness=np.ones(2),
        end_residual=np.ones(2),
        **SURFACE,
    ),
    "result": Result(
        spec=SPEC,
        status="stopped",
        done=3,
        total=4,
        seconds=1.5,
        made={"device": "cpu"},
        arrays={"one/step": np.arange(3), "one/loss": np.full((3, 2), np.nan), "two/theta": np.ones((3, 2, 4))},
        state={"one/step": np.array(3)},
    ),
    "spectrum": Spectrum(
        spec=SPEC,
        run="0" * 16,
        checkpoint=2,
        size=5,
        products=40,
        top=LINE,
        top_residuals=LINE,
        bottom=NOTHING,
        bottom_residuals=NOTHING,
        nodes=np.eye(2),
        weights=np.eye(2),
        trace=float("nan"),
        trace_error=float("inf"),
        gradient_norm=1e-300,
    ),
    "alignment": Alignment(
        spec=SPEC,
        run="0" * 16,
        steps=np.arange(2),
        **dict.fromkeys(("values", "residuals", "cos_g", "cos_u"), np.eye(2)),
        **dict.fromkeys(("share_g", "share_u", "overlap", "gradient_norm", "edge", "limit"), np.array([0.5, np.nan])),
        switches=np.array([7, 9]),
    ),
}


def same(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return type(a) is type(b) and (a == b or (a != a and b != b))


@pytest.mark.parametrize("name", RECORDS)
def test_round_trip(name, tmp_path):
    """Every field comes back with its type, its dtype, its shape and its bits; nothing is left beside the file."""
    record = RECORDS[name]
    save(tmp_path / "deep" / "r.npz", record)
    again = load(tmp_path / "deep" / "r.npz")
    assert type(again) is type(record)
    assert [f.name for f in fields(record) if not same(getattr(record, f.name), getattr(again, f.name))] == []
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["r.npz"]


def test_an_alignment_of_the_first_version_had_no_switches(tmp_path):
    """A file without a field that came later is a record with that field's default."""
    record, path = RECORDS["alignment"], tmp_path / "r.npz"
    save(path, record)
    with np.load(path) as file:
        np.savez(path, **{name: file[name] for name in file.files if name != "switches"})
    again = load(path)
    assert isinstance(again, Alignment) and again.switches.tolist() == [] and same(again.values, record.values)


def test_every_kind_is_checked():
    assert {type(r) for r in RECORDS.values()} == set(KINDS.values())


def refused(path) -> bool:
    """Whether a file is refused, which it must be in one line that names it."""
    try:
        load(path)
    except RecordError as error:
        assert path.name in str(error) and str(error).isprintable() and len(str(error)) < 200
        return True
    return False


class Trap:
    """Does harm if it is ever unpickled."""

    sprung = False

    def __reduce__(self):
        return (setattr, (Trap, "sprung", True))


def foreign(path):
    """Files that are no records, by name."""
    yield "missing", lambda: path.unlink(missing_ok=True)
    for name, content in {
        "empty": b"",
        "text": b"hello",
        "pickle": pickle.dumps(Trap()),
        "zip start": b"PK\x03\x04",
        "zeros": b"\0" * 5000,
    }.items():
        yield name, lambda content=content: path.write_bytes(content)
    yield "array", lambda: np.save(path.open("wb"), np.zeros(3))
    yield "pickled array", lambda: np.savez(path, allow_pickle=True, record=np.array([Trap()], dtype=object))
    yield (
        "pickle in a field",
        lambda: np.savez(
            path,
            allow_pickle=True,
            record=np.array('{"kind":"Run","spec":{},"status":"x"}'),
            steps=np.array([Trap()], dtype=object),
        ),
    )
    yield "other zip", lambda: zipfile.ZipFile(path, "w").writestr("a.txt", "x")
    yield "other arrays", lambda: np.savez(path, x=np.zeros(3))
    for text in (
        "5",
        "[]",
        "null",
        '"x"',
        "{}",
        '{"kind":[]}',
        '{"kind":"Thing"}',
        '{"kind":"Run"}',
        '{"kind":"Run","spec":{},"status":"x","more":1}',
        "[" * 100_000,
        "{",
    ):
        yield text[:40], lambda text=text: np.savez(path, record=np.array(text))


@pytest.mark.filterwarnings("ignore")
def test_foreign_files(tmp_path):
    path = tmp_path / "r.npz"
    for name, make in foreign(path):
        make()
        assert refused(path), name
    assert not Trap.sprung
    path.unlink()
    path.mkdir()
    assert refused(path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["run", "surface"])
def test_torn_and_damaged_files(name, tmp_path):
    """Cut off anywhere it is refused; with any bit turned it is refused or still a record: never another exception."""
    path = tmp_path / "r.npz"
    save(path, RECORDS[name])
    whole, rng = path.read_bytes(), random.Random(0)
    for cut in range(0, len(whole), 13):
        path.write_bytes(whole[:cut])
        assert refused(path), cut
    for _ in range(1500):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        assert refused(path) or isinstance(load(path), tuple(KINDS.values()))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_a_write_that_fails_leaves_the_old_file(error, tmp_path):
    def fill(file):
        file.write(b"half")
        raise error

    path = tmp_path / "r.npz"
    save(path, RECORDS["run"])
    before = path.read_bytes()
    with pytest.raises(error):
        write(path, fill)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["r.npz"]


@pytest.mark.parametrize("step", [np.array([3]), np.array(np.nan)])
def test_a_state_without_one_step_is_no_state(step):
    """Found only where the record is listed or kept again, which a step of another kind breaks."""
    with pytest.raises(RecordError, match="state/step: expected one finite number"):
        Run(spec=SPEC, state={"step": step})


def test_objects_are_never_written(tmp_path):
    with pytest.raises(RecordError, match="measures/x: expected an array of numbers"):
        save(tmp_path / "r.npz", Run(spec=SPEC, measures={"x": np.array([object()])}))
    assert not list(tmp_path.iterdir())
