"""A stranger's table is read as a person would: its header, its classes, its row numbers; what a person would doubt is
refused with row and column, or told."""

import numpy as np
import pytest

from engine.files.reading import kind_of, read_table
from engine.files.table import Table
from engine.spec import SpecError
from tests.data.test_own import npz


def read_file(content: bytes, name: str) -> Table:
    return read_table(content, kind_of(name))


SQUARES = [i * i % 7 for i in range(40)]


def csv(*columns, first: str = "") -> bytes:
    """Columns of cells as they are to be written, the last one the class, below a first row or none."""
    rows = [",".join(map(str, row)) for row in zip(*columns, strict=True)]
    return "\n".join([*([first] if first else []), *rows]).encode()


def changed(cell: str, row: int, column: int) -> bytes:
    """40 examples of two numbers, one cell of them another."""
    columns: list[list] = [[i % 4 for i in range(40)], [*SQUARES], [i % 2 for i in range(40)]]
    columns[column][row] = cell
    return csv(*columns)


def refusal(content: bytes, name: str = "a.csv") -> str:
    with pytest.raises(SpecError) as refused:
        read_file(content, name)
    return str(refused.value)


HALVES = [f"{i % 4}.5" for i in range(40)]
PARITY = [i % 2 for i in range(40)]
HEADERS = [
    ("0,1,target", SQUARES, PARITY),
    ("1,2,class", SQUARES, ["ab"[i] for i in PARITY]),
    ("0,1,2", SQUARES, PARITY),
    ("0,1,2", SQUARES, [i % 3 for i in range(40)]),
    ("400,410.5,class", SQUARES, PARITY),
    ("id,1990,class", SQUARES, PARITY),
    ("%,1990,kind", SQUARES, ["ab"[i] for i in PARITY]),
    ('"wide ""cm""",high,0', SQUARES, PARITY),
    ("_,high,kind", SQUARES, ["ab"[i] for i in PARITY]),
    (",high,kind", SQUARES, PARITY),
]


@pytest.mark.parametrize("first, squares, labels", HEADERS)
def test_a_header_of_any_kind_is_no_example(first, squares, labels):
    """Numbers among the names, a class column named by a number, or no name: none may become an example or class."""
    table = read_file(csv(HALVES, squares, labels, first=first), "a.csv")
    assert table.header and len(table.x) == 40 and len(table.classes) == len(set(labels))


@pytest.mark.parametrize(
    "first", ["0,1,1", "0,2,2", "12_5,1,0", "５,1,0", "0.5,1,NA", "nan,nan,1", "NA,1,0", ",,0", "1,two,5"]
)
def test_an_example_is_no_header(first):
    """What a first row has in common with examples makes it one, and a fault in it is told: it never disappears."""
    content = csv(HALVES, SQUARES, PARITY, first=first)
    if first in ("0,1,1", "0,2,2"):
        table = read_file(content, "a.csv")
        assert not table.header and len(table.x) == 41
    else:
        assert refusal(content).startswith("file: row 1, column ")


def test_a_header_given_twice_or_with_one_name_twice():
    table = read_file(csv(HALVES, SQUARES, PARITY, first="a,a,b"), "a.csv")
    assert table.header and table.columns == ("1", "2")
    twice = csv(HALVES, SQUARES, PARITY, first="0,1,target") + b"\n" + csv(HALVES, SQUARES, PARITY, first="0,1,target")
    assert refusal(twice) == "file: row 42: expected an example, got the header again"


def test_only_plain_numbers_are_numbers():
    """Neither what Python alone reads, nor what it makes infinite; the row and column are those of the file."""
    words = ("nan", "-inf", "infinity", "TRUE", "'5'", "-", "+", "")
    for cell in ("12_5", "1_0", "５", "0x10", "1e999", "1d5", "1e1_0", "5%", "\u00a05", "1.2.3", *words):
        for row in (0, 7):
            said = refusal(changed(cell, row, 1))
            assert said == f"file: row {row + 1}, column 2: expected a finite number, got {cell!r}"


def test_plain_numbers_in_all_their_spellings():
    for cell in ("12.5", " +12.5\t", "1.25e1", "125E-01", '"12.5"', ' "12.5"', "012.50"):
        assert read_file(changed(cell, 3, 1), "a.csv").x[3].tolist() == [3, 12.5]
    zero = read_file(changed("-0", 0, 1), "a.csv").x
    assert zero.tobytes() == read_file(changed("0", 0, 1), "a.csv").x.tobytes()


def test_a_missing_class_is_no_class():
    """Nor is one that holds two numbers, what only Python reads as a number, or a character that cannot be seen."""
    for cell in (
        "NA",
        "nan",
        "N/A",
        "#N/A",
        "<NA>",
        "null",
        "None",
        "?",
        "-",
        "1_0",
        "１",
        "inf",
        "1\u200b",
        "7 1",
        "",
    ):
        for row in (0, 5):
            got = repr(cell) if cell else "nothing"
            assert refusal(changed(cell, row, 2)) == f"file: row {row + 1}, column 3: expected a class, got {got}"


def test_one_class_however_it_is_written():
    """Numbers by their value, words whatever their spaces and accents' encoding; then the classes are in order."""
    plain = read_file(changed("1", 3, 2), "a.csv")
    for cell in ("1.0", "1", "+1", "01", "1e0", " 1.000 ", '"1"'):
        table = read_file(changed(cell, 3, 2), "a.csv")
        assert table.classes == ("0", "1") and np.array_equal(table.y, plain.y)
    words = [
        ("caf\u00e9  noir", "cafe\u0301 noir", ' "caf\u00e9\u00a0noir"', "b 2", "10", "9.0")[i % 6] for i in range(40)
    ]
    table = read_file(csv(HALVES, SQUARES, words), "a.csv")
    assert table.classes == ("9", "10", "'b 2'", "'caf\u00e9 noir'")


@pytest.mark.parametrize("separator", [";", "\t", "|", " ", ":"])
def test_mixed_separators_are_refused(separator):
    """`i,(i%10);(i%2)` is no class named 7;1. In quotes it may be in a class."""
    rows = "\n".join(f"{i},{i % 10}{separator}{i % 2}" for i in range(40)).encode()
    assert "mixed separators" in refusal(rows) or refusal(rows).startswith("file: row 1, column 2: expected a class")
    quoted = csv(HALVES, SQUARES, [f'"{"ab"[i]}{separator}c"' for i in PARITY])
    assert len(read_file(quoted, "a.csv").classes) == 2


def test_decimal_commas_are_refused():
    """As a spreadsheet writes them; also in two columns, where commas alone would make numbers and classes of them."""
    for row in ("{0},5;{1},5;{2}", "{0},5;{2}"):
        rows = "\n".join(row.format(i % 4, SQUARES[i], i % 2) for i in range(40)).encode()
        assert refusal(rows).startswith("file: row 1: mixed separators, ';' beside ','")


@pytest.mark.parametrize(
    "index, first",
    [
        (range(40), ""),
        (range(1, 41), ""),
        (range(57, 17, -1), "no,a,b,class"),
        ([f'"{i + 1}"' for i in range(40)], '"","a","b","class"'),
        ([(7 * i) % 40 for i in range(40)], ",a,b,class"),
        ([i * i for i in range(40)], "Unnamed: 0,0,1,target"),
        ([f"{i * i},{40 - i}" for i in range(40)], "Unnamed: 0.1,Unnamed: 0,a,b,class"),
        ([f"Mazda {i}" for i in range(40)], '"",a,b,class'),
    ],
)
def test_row_numbers_are_left_out_and_told(index, first):
    """Sorted by class, they give the class away; without them the table is the one without that column."""
    labels = [i // 20 for i in range(40)]
    table, without = read_file(csv(index, HALVES, SQUARES, labels, first=first), "a.csv"), csv(HALVES, SQUARES, labels)
    assert np.array_equal(table.x, read_file(without, "a.csv").x) and "left out: column" in str(table)
    assert len(table.columns) == 2


def test_a_column_that_may_number_the_rows_is_told():
    """Where it may be a measurement as well, or is all there is: it stays."""
    labels = [i // 20 for i in range(40)]
    for column in ([i / 8 for i in range(40)], [i * i for i in range(40)], [(7 * i) % 40 + 3 for i in range(40)]):
        table = read_file(csv(HALVES, column, labels), "a.csv")
        assert table.x.shape == (40, 2) and table.doubts == ("column 2 may number the rows: if so, leave it out",)
    alone = read_file(npz(x=np.arange(40)[:, None], y=np.array(labels)), "a.npz")
    assert alone.x.shape == (40, 1) and "column 1 may number the rows" in str(alone)
    assert read_file(csv(HALVES, SQUARES, labels), "a.csv").doubts == ()


def test_the_line_that_tells_what_was_read():
    labels = ["rare", *(["often", "'"][i % 2] for i in range(39))]
    content = csv(range(40), HALVES, SQUARES, labels, first=",wide,high,kind") + b"\n,,,\n\n,,,"
    assert str(read_file(content, "a.csv")) == (
        "40 examples of 2 numbers each, 3 classes (\"'\": 19, 'often': 20, 'rare': 1), a header; left out: column 1, "
        "which has no name, 2 empty rows; class 'rare' has one example, which is trained on"
    )
    images = npz(x=np.zeros((1200, 3, 4, 4), bool), y=np.arange(1200) % 2 - 1)
    assert str(read_file(images, "a.npz")) == (
        "1,200 examples of 48 numbers each (images [3, 4, 4]), 2 classes (-1: 600, 0: 600)"
    )


def test_a_table_in_which_nothing_can_be_held_out_is_refused():
    assert refusal(csv(HALVES, SQUARES, range(40))).startswith("file: expected a class with two examples")
