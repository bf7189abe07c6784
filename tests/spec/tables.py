"""The tables of all specs, and what a table must make of whatever it is given: a spec, or a refusal in one line."""

from engine.analyses.planes import PLANES
from engine.data import DATASETS
from engine.models import MODELS
from engine.problems import PROBLEMS
from engine.rules import RULES
from engine.spec import SpecError, decode, encode
from engine.training.runs import RUNS
from engine.training.schedules import SCHEDULES
from engine.training.updates import UPDATES
from engine.work.kinds import KINDS as WORK

TABLES = [
    DATASETS,
    MODELS,
    PROBLEMS,
    RULES,
    UPDATES,
    SCHEDULES,
    PLANES,
    RUNS,
    *(kind.specs for kind in WORK.values() if kind.name not in ("train", "experiment")),
]
CLASSES = [(table, cls) for table in TABLES for cls in table.values()]


def names(value):
    """What a table, a class or a field is called in the names of tests."""
    return getattr(value, "__name__", value if isinstance(value, str) else "")


def check_refusal(table, data, field: str | None = None) -> bool:
    """Either a spec within its ranges comes out, or a SpecError of one short line that names the field."""
    try:
        spec = decode(table, data)
    except SpecError as error:
        line = str(error)
        assert "\n" not in line and line.isprintable() and len(line) < 600, line
        assert field is None or line.startswith((f"{field}: ", f"{field}[", f"{field}.")), (field, line)
        return True
    assert decode(table, encode(spec)) == spec
    return False
