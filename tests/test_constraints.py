"""The constraints: what the pinned packages need in turn is pinned, and nothing that differs between machines."""

from __future__ import annotations

import re
from importlib.metadata import distributions, requires
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = (ROOT / "deploy" / "constraints.txt").read_text().splitlines()[1:]


def named(text: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[=<>!~;\[ (@]", text.strip(), maxsplit=1)[0]).lower()


PINNED = {named(line): line.partition("==")[2] for line in CONSTRAINTS}
INSTALLED = {named(one.metadata["Name"]): one.version for one in distributions()}


def asked() -> dict[str, str]:
    """What the two lists of requirements pin."""
    lines = [line for name in ("", "tests/") for line in (ROOT / name / "requirements.txt").read_text().splitlines()]
    pins = [line.partition("#")[0].strip() for line in lines if "==" in line]
    return {named(pin): pin.partition("==")[2] for pin in pins}


def needed() -> set[str]:
    """What is installed of the needs of the pinned packages, of their needs, and so on; not torch's CUDA."""
    found, todo = set(), [*asked()]
    while todo:
        name = todo.pop()
        if name in INSTALLED and name not in found and not re.match("torch$|triton|nvidia|cuda", name):
            found.add(name)
        elif name != "torch":
            continue
        todo += [named(one) for one in requires(name) or () if "extra ==" not in one and named(one) not in found]
    return found


def test_every_line_pins_one_release():
    """Finds a path, an address, a local build and a loose bound."""
    assert len(PINNED) > 50 and [line for line in CONSTRAINTS if not re.fullmatch(r"[\w.-]+==[\w.!]+", line)] == []


def test_what_differs_from_machine_to_machine_is_left_out():
    """Finds a line that would forbid another build of torch, or CUDA's parts."""
    assert [name for name in PINNED if re.match("torch$|triton|nvidia|cuda", name)] == []


def test_they_agree_with_the_requirements():
    """Finds constraints that were not made anew after a pin had changed: pip would refuse both together."""
    pins = {name: release for name, release in asked().items() if name != "torch"}
    assert {name: PINNED.get(name) for name in pins} == pins


def test_nothing_that_is_needed_is_missing():
    """Finds a need of a need that pip may choose afresh tomorrow."""
    assert len(needed()) > 50 and needed() - PINNED.keys() == set()


def test_the_installation_has_these_releases():
    """Finds an installation that has passed the constraints over."""
    other = {name: INSTALLED[name] for name in needed() if INSTALLED[name] != PINNED.get(name)}
    assert other == {}


def test_make_installs_with_them():
    """Finds a line of the Makefile that installs without."""
    text = (ROOT / "Makefile").read_text()
    lines = [line for line in text.splitlines() if "pip install" in line]
    assert len(lines) == 2 and "-c deploy/constraints.txt" in lines[0] and ".venv/anew" in lines[1]
