"""What the README shows is run as it stands there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.image import imread

from engine.__main__ import main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


def run(command: list[str], folder: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "RAVINE_STORE": str(folder / "store")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_script_is_ten_lines_and_runs(tmp_path):
    (script,) = blocks("python")
    assert len(script.splitlines()) == 10
    trained, drawn, sharpness, lowest = run([sys.executable, "-c", script], tmp_path).split()
    assert (trained, drawn) == ("finished", "finished")
    assert float(sharpness) > 0 < float(lowest)


def test_the_command_lines_run(tmp_path, monkeypatch, capsys):
    """The first in a shell, as a process of its own; the others, which would each import all again, in this one."""
    (lines,) = blocks("sh")
    first, *others = lines.splitlines()
    run(["bash", "-c", f'python() {{ {shlex.quote(sys.executable)} "$@"; }}\n{first}'], tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAVINE_STORE", str(tmp_path / "store"))
    for line in others:
        *python, command = line.split(maxsplit=3)
        assert python == ["python", "-m", "engine"]
        assert main(shlex.split(command)) == 0, line
    kept = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert len(kept) == len(others) == 5
    assert all((tmp_path / path).is_file() for path in kept)


PICTURES = re.findall(r'src(?:set)?="([^"]+)"', README)


@pytest.mark.parametrize(
    "place",
    sorted(
        set(re.findall(r"\]\(([^)#:]+)\)", README))
        | set(re.findall(r"`((?:\w+/)+|[\w/]+\.(?:py|txt|md))`", README))
        | set(PICTURES)
    ),
)
def test_named_files_exist(place):
    assert (ROOT / place).exists()


def test_the_start_page_is_shown_light_and_dark_as_large_as_a_window():
    pictures = [imread(ROOT / place) for place in PICTURES]
    assert [picture.shape[:2] for picture in pictures] == [(900, 1440)] * 2
    assert sorted(picture[..., :3].mean() > 0.5 for picture in pictures) == [False, True]
