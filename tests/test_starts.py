"""Starts: what a new interpreter has imported before anybody asks for it."""

import subprocess
import sys

from tests.test_architecture import PICTURES, ROOT, modules


def loaded(names: list[str]) -> set[str]:
    """The modules in a new interpreter after it has imported these."""
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, *names], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_engine_runs_without_streamlit():
    names = [name for name in modules("engine/") if not name.startswith("engine.figures")]
    assert not loaded(names) & {"streamlit", *PICTURES}


def test_a_command_starts_without_what_it_may_not_need():
    """Finds an import that every command, every server and every one of its processes waits a second for."""
    late = PICTURES | {
        "scipy.optimize",
        "scipy.linalg",
        "scipy.stats",
        "sklearn",
        "pandas",
        "pyarrow",
        "dask",
        "optuna",
    }
    assert not loaded(["engine.__main__"]) & late


def test_figures_need_neither_torch_nor_streamlit():
    """Not even through what they import: an exported figure is drawn again from its record alone."""
    names = modules("engine/figures/")
    assert names and not loaded(names) & {"torch", "streamlit"}


def test_what_reads_a_strangers_file_starts_in_a_moment():
    """Without torch or anything else that takes longer to import than a file to read."""
    assert not loaded(["engine.files.reading"]) & {"torch", "scipy", "sklearn", "pandas", "streamlit"}


def test_benchmarks_import_without_streamlit():
    """But for the one that measures the server, the browser it pretends to be, and a page to compare with."""
    names = [name for name in modules("benchmarks/") if not name.endswith((".live", ".session", ".plain"))]
    assert names and "streamlit" not in loaded(names)
