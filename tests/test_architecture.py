"""Architecture: which way imports point, what stays out of each part, and that every class of a kind is in its
table."""

import ast
import importlib
import inspect
import re
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path

import pytest

from engine.analyses.planes import PLANES, PlaneSpec
from engine.data import DATASETS, Dataset
from engine.experiments import EXPERIMENTS, Experiment
from engine.models import MODELS, Model
from engine.problems import PROBLEMS, Problem
from engine.records import KINDS, Record
from engine.rules import RULES, Rule
from engine.sweeps.design import SAMPLERS, DesignSpec, Sampler
from engine.sweeps.spec import SweepSpec
from engine.training.runs import RunSpec
from engine.training.schedules import SCHEDULES, Schedule
from engine.training.updates import UPDATES, Update
from engine.work.kinds import KINDS as WORK

ROOT = Path(__file__).parent.parent
PARTS = ("app.py", "pages", "engine", "benchmarks", "tests")
FILES = sorted(
    f for part in PARTS for f in ([ROOT / part] if part.endswith(".py") else (ROOT / part).rglob("*.py")) if f.exists()
)
NAMES = [str(f.relative_to(ROOT)) for f in FILES]
OURS = {"app", "pages", "engine", "benchmarks", "tests"}
PICTURES = {"plotly", "matplotlib", "altair", "bokeh", "seaborn", "pydeck"}
SCIENCE = {"numpy", "torch", "scipy", "sklearn", "math", "statistics"}


def tree(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"))


@cache
def imports(name: str) -> frozenset[str]:
    """Dotted names of all modules a file imports, inside functions too; of `from a import b` both a and a.b."""
    found = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def tops(name: str) -> set[str]:
    return {module.split(".")[0] for module in imports(name)}


def within(*folders: str) -> list[str]:
    return [name for name in NAMES if name.startswith(folders)]


def modules(*folders: str) -> list[str]:
    """The importable names of the modules in folders."""
    return [
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in within(*folders)
        if not name.endswith("__main__.py")
    ]


def test_the_tree_is_there():
    assert {name.split("/")[0] for name in NAMES} >= {"app.py", "pages", "engine", "tests"} and len(
        within("engine/")
    ) > 15
    assert all((ROOT / name).exists() for name in ("assets", "requirements.txt", "README.md"))


@pytest.mark.parametrize("name", NAMES)
def test_every_file(name):
    """A docstring of its own, at most 300 lines (how long those may be is ruff's to check), nothing that runs text
    or pickles."""
    text, parsed = (ROOT / name).read_text(encoding="utf-8"), tree(name)
    assert (ast.get_docstring(parsed) or "").strip(), "a module says in its docstring what it is"
    assert len(text.splitlines()) <= 300
    calls = {
        node.func.id for node in ast.walk(parsed) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"eval", "exec", "compile", "__import__"}
    if not name.startswith("tests/"):
        assert not tops(name) & {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal"}
        assert "allow_pickle=True" not in text and "torch.load" not in text and "yaml.load" not in text


def test_docstrings_are_not_shared():
    lines: dict[str, list[str]] = {}
    for name in NAMES:
        lines.setdefault((ast.get_docstring(tree(name)) or "").splitlines()[0], []).append(name)
    assert [names for names in lines.values() if len(names) > 1] == []


def test_names_that_say_nothing():
    stems = {part for name in NAMES for part in Path(name).with_suffix("").parts}
    assert not stems & {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common", "misc"}
    defined = {
        node.name for name in NAMES for node in tree(name).body if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }
    assert not {
        d
        for d in defined
        if re.search(r"(Utils?|Helpers?|Manager|Base)$", d) or d in ("utils", "helpers", "manager", "base")
    }


ROOMS = (
    *("seeds", "machine", "spec", "records", "files", "data", "models", "problems", "rules", "curvature", "training"),
    *("analyses", "sweeps", "encyclopedia", "figures", "experiments", "work", "__main__"),
)
"""In the order in which a spec becomes a run, a run records, a record a figure: a room knows those before it."""


def room(module: str) -> str:
    return module.split(".")[1]


def test_every_room_knows_only_those_before_it():
    for name in within("engine/"):
        module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        if module == "engine":
            continue
        needs = {m for m in imports(name) if m.startswith("engine.")}
        later = {m for m in needs if ROOMS.index(room(m)) > ROOMS.index(room(module))}
        assert later == set(), f"{module} is in {room(module)}"


def test_no_module_needs_itself():
    """Nor through others: there are no circles."""
    files = {name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): name for name in within("engine/")}
    graph = {module: needed(name, set(files)) - {module} for module, name in files.items()}
    while graph:
        leaves = {m for m, needs in graph.items() if not needs & set(graph)}
        assert leaves, f"a circle among {sorted(graph)}"
        graph = {m: needs for m, needs in graph.items() if m not in leaves}


def needed(name: str, known: set[str]) -> set[str]:
    """The modules that a file imports; of `from package import module` the module alone."""
    found = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.ImportFrom):
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= parts & known or {node.module or ""} & known
    return found


@pytest.mark.parametrize(
    "folder, never",
    [
        ("engine/", {"streamlit", "pages", "app", "benchmarks", "tests"}),
        ("benchmarks/", {"tests", "app"}),
        ("pages/", {"tests", "benchmarks", "app"}),
        ("app.py", {"tests", "benchmarks"}),
    ],
)
def test_imports_point_one_way(folder, never):
    assert within(folder)
    assert {name: bad for name in within(folder) if (bad := tops(name) & never)} == {}


ALLOWED = {"np": {"ndarray", "isfinite", "isnan", "nan"}, "plotly": {"__file__"}}
"""What a page may take of these: a type, a look whether a number is there, and the path of the library that the
browser loads."""


@pytest.mark.parametrize("name", [*within("pages/"), "app.py"])
def test_pages_draw_and_compute_nothing(name):
    """No plotting library and no array mathematics: they read controls, call the engine, show its figures and say a
    sentence."""
    assert not tops(name) & (PICTURES - {"plotly"} | SCIENCE - {"numpy", "math"})
    assert {m for m in imports(name) if m.startswith(("numpy", "plotly"))} <= {"numpy", "plotly"}
    used = [
        (n.value.id, n.attr)
        for n in ast.walk(tree(name))
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
    ]
    assert [f"{module}.{what}" for module, what in used if module in ALLOWED and what not in ALLOWED[module]] == []
    assert [n.lineno for n in ast.walk(tree(name)) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult)] == []


def test_one_module_holds_the_caches():
    assert {
        name
        for name in NAMES
        if name.startswith(("pages", "app")) and re.search(r"st\.cache_(data|resource)", (ROOT / name).read_text())
    } <= {"pages/ui/cached.py"}


KIND = [
    *(
        (DATASETS, Dataset),
        (MODELS, Model),
        (PROBLEMS, Problem),
        (RULES, Rule),
        (UPDATES, Update),
        (SCHEDULES, Schedule),
        (PLANES, PlaneSpec),
    ),
    (EXPERIMENTS, Experiment),
    (SAMPLERS, Sampler),
]


def leaves(cls: type) -> set[type]:
    below = {leaf for child in cls.__subclasses__() for leaf in leaves(child)}
    return {c for c in below | ({cls} if not inspect.isabstract(cls) else set()) if c.__module__.startswith("engine.")}


@pytest.mark.parametrize("table, kind", KIND, ids=lambda v: getattr(v, "__name__", ""))
def test_every_class_is_in_its_table(table, kind):
    assert set(table.values()) == leaves(kind) and all(name == cls.__name__ for name, cls in table.items())


def test_every_record_and_analysis_is_in_its_table():
    leaf = {cls for cls in leaves(Record) if not cls.__subclasses__()}
    assert set(KINDS.values()) == leaf and all(name == cls.__name__ for name, cls in KINDS.items())
    computed = {cls for cls in specs_of("engine/analyses/") if hasattr(cls, "compute")}
    sets = {RunSpec, SweepSpec, DesignSpec}
    assert {cls for kind in WORK.values() for cls in kind.specs.values()} == {*sets, *computed, *EXPERIMENTS.values()}


def specs_of(folder: str) -> set[type]:
    """The spec classes that a folder's modules define."""
    found = [vars(importlib.import_module(module)) for module in modules(folder)]
    return {value for names in found for value in names.values() if isinstance(value, type) and is_dataclass(value)}


@pytest.mark.parametrize("table, kind", KIND, ids=lambda v: getattr(v, "__name__", ""))
def test_abstract_or_final(table, kind):
    """A class is an interface or a leaf: nothing concrete is inherited from."""
    assert inspect.isabstract(kind) and all(not leaves(cls) - {cls} for cls in table.values())


@pytest.mark.parametrize("cls", [c for table, _ in KIND for c in table.values()], ids=lambda c: c.__name__)
def test_every_component_documents_itself(cls):
    own = cls.__dict__.get("__doc__") or ""
    assert own.strip() and not own.startswith(f"{cls.__name__}(")
    assert not issubclass(cls, Rule) or (cls.formula and cls.paper)


def test_nothing_speaks_of_where_it_was_made():
    """No machine's paths and no registry's host in any text that is kept."""
    places = "|".join(("root", "work", "tmp", "home"))
    words = re.compile(rf"(?<![\w.])/({places})/|pypi\.org|pythonhosted\.org")
    texts = [
        *FILES,
        *ROOT.glob("*.md"),
        *ROOT.glob("*.toml"),
        *ROOT.glob("*.txt"),
        ROOT / "Makefile",
        *(ROOT / "deploy").iterdir(),
    ]
    found = {str(f.relative_to(ROOT)): words.search(f.read_text(encoding="utf-8")) for f in texts if f.exists()}
    assert {name: match[0] for name, match in found.items() if match} == {}
