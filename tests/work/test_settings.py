"""Settings: each variable is read and checked in one place, and stands in README's table as it is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from engine.files.kept import home
from engine.spec import SpecError
from engine.work.settings import HIGHEST, PREFIX, Settings, fault, read
from engine.work.store import Store

ROOT = Path(__file__).resolve().parents[2]
KNOWN = {PREFIX + one.name.upper(): one for one in fields(Settings)}
NUMBERS = [name for name, one in KNOWN.items() if type(one.default) is int]


def test_the_table_in_the_readme_is_the_module():
    """Finds a setting, a default or a sentence that was changed in one of the two alone."""
    rows = re.findall(r"^\| `(RAVINE_\w+)` \| `(.*)` \| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    usual = {
        name: str(int(one.default) if isinstance(one.default, int) else one.default) for name, one in KNOWN.items()
    }
    assert rows == [(name, usual[name], one.metadata["says"]) for name, one in KNOWN.items()]


def test_no_other_module_reads_the_environment_for_a_setting():
    """Finds a variable that is read, and perhaps not checked, elsewhere; that data lie in the same store is tested
    below."""
    others = {
        str(path.relative_to(ROOT))
        for folder in ("engine", "pages")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"environ[\w.]*[(\[]\s*['\"]RAVINE_\w+['\"](?!\] =)", path.read_text())
    }
    assert others == {"engine/files/kept.py"}


@pytest.mark.parametrize("text", ["", "somewhere"])
def test_data_lie_beside_the_runs(monkeypatch, text):
    """Finds two ideas of where the store is."""
    monkeypatch.setenv("RAVINE_STORE", text)
    assert home() == Store().root == Path(text or ".ravine")


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("text", ["-1", "1.5", "ten", "1e9", "٣", str(HIGHEST + 1), "9" * 5000, " "])
def test_a_bad_number_is_one_line_that_names_its_variable(name, text):
    """Finds a value that is taken as another number, and one that ends in a traceback."""
    with pytest.raises(SpecError, match=f"^{name}: expected a whole number") as caught:
        read({name: text})
    assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) < 150


@pytest.mark.parametrize("text", ["yes", "true", "2", "on"])
def test_a_doubtful_yes_is_none(text):
    """Finds a server that is open to strangers although its owner thinks that he has said otherwise."""
    assert fault({"RAVINE_PUBLIC": text}).startswith("RAVINE_PUBLIC: expected 0 or 1")


def test_a_slip_in_a_name_is_told():
    """Finds RAVINE_PUBLC=1, which would leave the server without its limits."""
    assert fault({"RAVINE_PUBLC": "1"}).startswith("RAVINE_PUBLC: not a setting")
    assert fault({"RAVINE_PUBLIC": "1", "OTHER": "x"}) == "" and read({"RAVINE_PUBLIC": "1"}).public


def test_the_usual_settings_are_a_server_of_ones_own():
    assert read({}) == Settings() == read(dict.fromkeys(KNOWN, "")) and not Settings().public


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        ({"RAVINE_QUOTA": "much"}, 2, "RAVINE_QUOTA: expected a whole number"),
        ({}, 0, "stop and delete what others have started"),
        ({"RAVINE_PUBLIC": "1"}, 0, "stop and delete only what they have started themselves"),
    ],
)
def test_what_is_said_at_the_start(given, code, told):
    """Finds a server that starts with a wrong setting, and a `make serve` that does not say what it means."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)} | given
    command = [sys.executable, "-m", "engine.work.settings"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    said = done.stdout + done.stderr
    assert done.returncode == code and told in said and len(said.splitlines()) == 1


def test_make_asks_before_it_serves():
    """Finds a target that serves without a look at the settings."""
    text = (ROOT / "Makefile").read_text()
    for target in ("run", "serve"):
        lines = re.search(rf"^{target}: install\n((?:\t.*\n)+)", text, re.MULTILINE)[1].splitlines()
        assert lines[0].split(" >")[0].strip("\t@") == "$(PY) -m engine.work.settings"
