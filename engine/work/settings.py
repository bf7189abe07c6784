"""Settings: what the environment says to a server and to the command line, read and checked in one place;
`python -m engine.work.settings` tells who may do what with these, or what is wrong with one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from engine.spec import SpecError

PREFIX = "RAVINE_"
HIGHEST = 10**15
OPEN = (
    "Everybody who reaches this server can train on it, fill its disk, and stop and delete what others have started; "
    "RAVINE_PUBLIC=1 sets limits."
)
PUBLIC = (
    "Everybody who reaches this server can train on it within the limits of RAVINE_PUBLIC, and stop and delete only "
    "what they have started themselves."
)


def setting(usual: Any, says: str) -> Any:
    """A field with its default and one sentence on what it means."""
    return field(default=usual, metadata={"says": says})


@dataclass(frozen=True)
class Settings:
    """A field is read from the variable of its name in capitals after RAVINE_; the limits from `quota` on hold in
    public alone, each without bound where it is 0."""

    store: str = setting(".ravine", "The folder that runs, and the data they need, are kept in.")
    memory: int = setting(
        0, "Bytes that each worker process may take; by default all together take 80% of the machine's."
    )
    scheduler: str = setting("", "The address (tcp://...) of a Dask cluster that trains sweeps, not this machine.")
    public: bool = setting(
        False, "1 for a server that strangers use: they stop and delete only their own, download nothing, have limits."
    )
    quota: int = setting(
        20 * 10**9,
        "Bytes of the store beyond which the oldest goes first; what ships, is at work or marked by Keep stays.",
    )
    jobs: int = setting(4, "Jobs that a person may have at once, waiting and paused ones among them.")
    all_jobs: int = setting(100, "Jobs that all persons together may have at once.")
    job_seconds: int = setting(1800, "Seconds that a job may compute.")
    person_seconds: int = setting(7200, "Seconds that all jobs of a person may compute.")
    uploads: int = setting(20, "Files of data that a person may give.")
    sessions: int = setting(300, "Persons that may look at once; who comes then is asked to try again in a minute.")


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings; SpecError in one line that names the variable where one cannot be read, or is no setting."""
    known = {PREFIX + one.name.upper(): one for one in fields(Settings)}
    for name in environment:
        if name.startswith(PREFIX) and name not in known:
            raise SpecError(f"{name}: not a setting; expected one of {', '.join(known)}")
    given = {
        one.name: _read(name, environment[name], one.default) for name, one in known.items() if name in environment
    }
    return Settings(**{name: value for name, value in given.items() if value is not None})


def fault(environment: Mapping[str, str] = os.environ) -> str:
    """What is wrong with the settings, in one line; "" where nothing is."""
    try:
        read(environment)
    except SpecError as error:
        return str(error)
    return ""


def _read(name: str, text: str, usual: Any) -> Any:
    """A variable's value, of its default's type; None for an empty one, which says nothing."""
    if not text or isinstance(usual, str):
        return text or None
    if isinstance(usual, bool):
        if text not in ("0", "1"):
            raise SpecError(f"{name}: expected 0 or 1, got {text[:40]!r}")
        return text == "1"
    if not (text.isascii() and text.isdigit() and int(text[:20]) <= HIGHEST):
        raise SpecError(f"{name}: expected a whole number from 0 to {HIGHEST:,}, got {text[:40]!r}")
    return int(text)


def main() -> int:
    """Says in a sentence who may do what; 2 with one line on standard error where a setting is wrong."""
    if wrong := fault():
        sys.stderr.write(wrong + "\n")
        return 2
    sys.stdout.write((PUBLIC if read().public else OPEN) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
