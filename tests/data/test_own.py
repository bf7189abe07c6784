"""Own files: what is in them comes out, the same from a CSV and from an NPZ; whatever else a stranger gives is
refused in one line that says where."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from engine.data import DATASETS, OwnFile, keep, load, own
from engine.files.table import LARGEST, MOST_NUMBERS
from engine.models import CNN, MLP
from engine.problems import Classification
from engine.spec import SpecError, decode, digest, encode
from tests.uploads import within


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(own, "upload", within)
    monkeypatch.setenv("RAVINE_STORE", str(tmp_path / "store"))
    load.cache_clear()
    return tmp_path / "store"


def examples(count: int = 60, shape: tuple[int, ...] = (3,), classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((count, *shape)), rng.permutation(np.arange(count) % classes)


def csv(x, y, header: str = "") -> bytes:
    return "\n".join(
        [
            *([header] if header else []),
            *(",".join(map(repr, row)) + f",{label}" for row, label in zip(x.tolist(), y, strict=True)),
        ]
    ).encode()


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def rows(*arrays: np.ndarray) -> set[bytes]:
    return {row.tobytes() for array in arrays for row in array}


X, Y = examples()


@pytest.mark.parametrize(
    "content, name",
    [
        (csv(X, Y), "a.csv"),
        (csv(X, Y, "width,height,age,kind"), "A.CSV"),
        (b"\xef\xbb\xbf" + csv(X, Y).replace(b"\n", b"\r\n\r\n"), "b.csv"),
        (csv(X, [f'"say ""{label}"", twice"' for label in Y]), "c.csv"),
        (npz(x=X, y=Y), "d.npz"),
        (npz(x=X, y=(Y * 10 - 7).astype(np.int8), other=np.zeros(3)), "e.npz"),
        (npz(x=np.asfortranarray(X.astype(">f8")), y=Y.astype(np.float16)), "f.npz"),
        (npz(x=np.column_stack([np.arange(60), X]).astype(np.longdouble), y=Y), "g.npz"),
        (csv(X, [f" {label}.0" if i % 2 else f'"+{label}"' for i, label in enumerate(Y)], "0,1,2,3"), "h.csv"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_in_a_file_comes_out(content, name, store):
    """One digest for the same numbers, whichever way they are written."""
    data = keep(content, name).data
    assert data == keep(csv(X, Y), "x.csv").data and [p.name for p in (store / "own").iterdir()] == [
        f"{data.digest}.npz"
    ]
    x, y, x_test, y_test = OwnFile(data.train, data.digest, standardize="none").arrays()
    assert data.train == len(x) == 48 and len(x_test) == 12 and data.inputs == ("points", (3,), 3)
    assert rows(np.column_stack([x, y]), np.column_stack([x_test, y_test])) == rows(np.column_stack([X, Y]))
    assert np.bincount(y_test).tolist() == [4, 4, 4]
    assert decode(DATASETS, encode(data)) == data and digest(data) == digest(decode(DATASETS, encode(data)))
    assert Classification(data, MLP(4, 1)).size() == 3 * 4 + 4 + 4 * 3 + 3


def test_images():
    x, y = examples(50, (2, 5, 5))
    data = keep(npz(x=(x * 40).astype(np.uint8), y=y), "images.npz").data
    assert data.inputs == ("image", (2, 5, 5), 3) and data.arrays()[0].shape == (40, 2, 5, 5)
    assert Classification(data, CNN(4, 1)).load("test").x.shape == (10, 2, 5, 5)


def test_numbers_as_classes_keep_their_order():
    labels = [(-1, 2, 10)[label] for label in Y]
    data = keep(csv(X, labels), "a.csv").data
    x, y, *_ = OwnFile(48, data.digest, standardize="none").arrays()
    assert all(
        label == (-1, 2, 10).index(labels[X[:, 0].tolist().index(row[0])]) for row, label in zip(x, y, strict=True)
    )


def test_draws_hold_out_other_examples_and_fewer_hold_out_the_same():
    data = keep(csv(X, Y), "a.csv").data
    held_out = [
        OwnFile(n, data.digest, draw, standardize="none").arrays()[2] for n, draw in ((48, 0), (20, 0), (48, 1))
    ]
    assert np.array_equal(held_out[0], held_out[1]) and rows(held_out[0]) != rows(held_out[2])


def lying() -> bytes:
    """An NPZ whose x has a header that claims far more numbers than there are."""
    header, file = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (3_000_000, 1)})
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", header.getvalue() + bytes(80))
        archive.writestr("y.npy", npz(y=Y))
    return file.getvalue()


class Trap:
    """What must not happen when a file is read."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def object_array() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        with archive.open("x.npy", "w") as entry:
            np.lib.format.write_array(entry, np.array([[Trap()]] * 30, object), allow_pickle=True)
        with archive.open("y.npy", "w") as entry:
            np.lib.format.write_array(entry, Y[:30])
    return file.getvalue()


TEN = csv(X, Y).split(b"\n")
BAD = {
    "empty": (b"", "a.csv", "file: it is empty"),
    "blank": (b" \n\r\n", "a.csv", "file: it is empty"),
    "commas": (b",,,\n,,,\n", "a.csv", "file: expected at least 2 columns separated by commas"),
    "large": (b"1,2\n" * (LARGEST // 4 + 1), "a.csv", "file: expected at most 5 MB, got 5.0 MB"),
    "ending": (csv(X, Y), "a.txt", "file: expected a name that ends in .csv or .npz, got 'a.txt'"),
    "path": (csv(X, Y), "../../" + "a" * 90, "file: expected a name that ends in .csv or .npz, got '../../aaa"),
    "one column": (b"1\n2\n3\n", "a.csv", "file: expected at least 2 columns separated by commas"),
    "semicolons": (csv(X, Y).replace(b",", b";"), "a.csv", "file: expected at least 2 columns separated by commas"),
    "ragged": (
        b"\n".join([*TEN[:5], b"1.0,2.0,0", *TEN[5:]]),
        "a.csv",
        "file: row 6: expected 4 cells, as in the first row, got 3",
    ),
    "long row": (
        b"\n".join([*TEN[:5], b"1,2,3,4,0", *TEN[5:]]),
        "a.csv",
        "file: row 6: expected 4 cells, as in the first row, got 5",
    ),
    "text": (
        b"\n".join([*TEN[:7], b"1,two,3,0", *TEN[7:]]),
        "a.csv",
        "file: row 8, column 2: expected a finite number, got 'two'",
    ),
    "named": (
        b"\n".join([b"wide,high,old,kind", *TEN[:7], b"1,,3,0"]),
        "a.csv",
        "file: row 9, column 'high': expected a finite number, got ''",
    ),
    "first row": (
        b"\n".join([b"1,two,3,0", *TEN]),
        "a.csv",
        "file: row 1, column 2: expected a finite number, got 'two'",
    ),
    "nan": (
        b"\n".join([*TEN[:2], b"1,nan,3,0", *TEN]),
        "a.csv",
        "file: row 3, column 2: expected a finite number, got 'nan'",
    ),
    "infinite": (
        b"\n".join([*TEN[:2], b"1,2,1e999,0", *TEN]),
        "a.csv",
        "file: row 3, column 3: expected a finite number, got '1e999'",
    ),
    "no class": (
        b"\n".join([*TEN[:2], b"1,2,3,", *TEN]),
        "a.csv",
        "file: row 3, column 4: expected a class, got nothing",
    ),
    "long cell": (
        b"\n".join([*TEN[:2], b"1,2,3," + b"x" * 200_000, *TEN]),
        "a.csv",
        "file: row 3: not CSV that can be read",
    ),
    "open quote": (b"\n".join([*TEN, b'1,2,3,"0']), "a.csv", "file: row 61: not CSV that can be read"),
    "latin-1": (b"\n".join([*TEN, b"1,2,3,\xe9"]), "a.csv", "file: not text in UTF-8"),
    "header only": (b"wide,high,old,kind", "a.csv", "file: expected at least 20 examples, got 0"),
    "few rows": (b"\n".join(TEN[:19]), "a.csv", "file: expected at least 20 examples, got 19"),
    "one class": (csv(X, [1] * 60), "a.csv", "file: expected 2 to 50 classes, got 1"),
    "many classes": (csv(X, range(60)), "a.csv", "file: expected 2 to 50 classes, got 60"),
    "many columns": (
        csv(np.zeros((30, 4097)), Y[:30]),
        "a.csv",
        "file: expected 1 to 4096 numbers an example, got 4097",
    ),
    "not a zip": (b"hello", "a.npz", "file: not an NPZ that can be read (BadZipFile)"),
    "torn zip": (npz(x=X, y=Y)[:-40], "a.npz", "file: not an NPZ that can be read (BadZipFile)"),
    "no y": (npz(x=X), "a.npz", "file: expected arrays x and y, got no y"),
    "no x": (npz(X=X, y=Y), "a.npz", "file: expected arrays x and y, got no x"),
    "flat": (npz(x=X[:, 0], y=Y), "a.npz", "file: x: expected [N, D] for points or [N, C, S, S] for images, got [60]"),
    "oblong": (
        npz(x=np.zeros((60, 1, 4, 5)), y=Y),
        "a.npz",
        "file: x: expected [N, D] for points or [N, C, S, S] for images, got [60, 1, 4, 5]",
    ),
    "no numbers": (npz(x=np.zeros((60, 0)), y=Y), "a.npz", "file: expected 1 to 4096 numbers an example, got 0"),
    "large images": (
        npz(x=np.zeros((20, 1, 65, 65)), y=Y[:20]),
        "a.npz",
        "file: expected 1 to 4096 numbers an example, got 4225",
    ),
    "lengths": (npz(x=X, y=Y[:50]), "a.npz", "file: y: expected [60], a class for each example of x, got [50]"),
    "columns of y": (
        npz(x=X, y=Y[:, None]),
        "a.npz",
        "file: y: expected [60], a class for each example of x, got [60, 1]",
    ),
    "halves as classes": (npz(x=X, y=Y / 2), "a.npz", "file: y[3]: expected a whole number, got 0.5"),
    "nan in y": (npz(x=X, y=np.where(Y, Y, np.nan)), "a.npz", "file: y[1]: expected a whole number, got nan"),
    "words in y": (npz(x=X, y=Y.astype(str)), "a.npz", "file: y: expected whole numbers, got '<U"),
    "beyond float64": (
        npz(x=X + np.longdouble("1e400") * (X[7, 1] == X), y=Y),
        "a.npz",
        "file: x[7, 1]: expected a finite number, got 1e+400",
    ),
    "words": (npz(x=X.astype(str), y=Y), "a.npz", "file: x: expected numbers, got '<U"),
    "complex": (npz(x=X + 1j, y=Y), "a.npz", "file: x: expected numbers, got 'complex128'"),
    "nan in x": (
        npz(x=np.where(X[7, 1] == X, np.nan, X), y=Y),
        "a.npz",
        "file: x[7, 1]: expected a finite number, got nan",
    ),
    "bomb": (
        npz(x=np.zeros((MOST_NUMBERS // 1000 + 1, 1000)), y=Y),
        "a.npz",
        "file: x: expected at most 4,000,000 numbers, all of them there, got [4001, 1000]",
    ),
    "lie": (lying(), "a.npz", "file: x: expected at most 4,000,000 numbers, all of them there, got [3000000, 1]"),
    "pickle": (object_array(), "a.npz", "file: x: expected numbers, got 'object'"),
    "bare pickle": (pickle.dumps(Trap()), "a.npz", "file: not an NPZ that can be read (BadZipFile)"),
}


@pytest.mark.parametrize("what", BAD)
def test_anything_else_is_refused_in_one_line(what, store):
    content, name, line = BAD[what]
    with pytest.raises(SpecError) as refused:
        keep(content, name)
    said = str(refused.value)
    assert said.startswith(line) and said.isprintable() and len(said) < 200 and not store.exists()


@pytest.mark.parametrize("seed", range(30))
def test_spoilt_files(seed, store):
    """Bytes changed anywhere in good files: either a dataset comes out, or one line."""
    rng = np.random.default_rng(seed)
    for content, name in ((csv(X, Y), "a.csv"), (npz(x=X, y=Y), "a.npz")):
        spoilt = np.frombuffer(content, np.uint8).copy()
        where = rng.integers(0, len(spoilt), rng.integers(1, 6))
        spoilt[where] = rng.integers(0, 256, len(where))
        try:
            data = keep(spoilt.tobytes()[: rng.integers(1, 2 * len(spoilt))], name).data
            assert np.isfinite(data.arrays()[0]).all()
        except SpecError as error:
            assert str(error).startswith(("file: ", "data")) and str(error).isprintable()


def test_a_file_that_is_not_here_is_one_line():
    for spec, line in (
        ({}, "data: no file is chosen yet"),
        ({"digest": "0" * 16}, "data: the file 0000000000000000 is not kept on this machine; give it again"),
    ):
        with pytest.raises(SpecError, match=f"^{line}"):
            decode({"Classification": Classification}, {"data": {"name": "OwnFile"} | spec})
    for text in ("../../etc/passwd", "0" * 17, "A" * 16, "0" * 15 + "\n", 5):
        with pytest.raises(SpecError, match=r"^data\.digest: expected a text that matches"):
            decode({"Classification": Classification}, {"data": {"name": "OwnFile", "digest": text}})


@pytest.mark.parametrize("damage", ["torn", "another", "garbage"])
def test_a_damaged_file_is_refused_and_can_be_given_again(damage, store):
    data = keep(csv(X, Y), "a.csv").data
    assert len(data.arrays()[0]) == 48
    path = store / "own" / f"{data.digest}.npz"
    path.write_bytes({"torn": path.read_bytes()[:-50], "another": npz(x=X + 1, y=Y), "garbage": b"x"}[damage])
    with pytest.raises(SpecError, match=f"^data: the file {data.digest} is torn or was changed"):
        data.arrays()
    assert keep(csv(X, Y), "a.csv").data == data and len(data.arrays()[0]) == 48


def test_more_examples_than_there_are():
    data = keep(csv(X, Y), "a.csv").data
    with pytest.raises(SpecError, match=r"^data\.train: expected at most 48, the file's training examples, got 49"):
        Classification(OwnFile(49, data.digest), MLP())
