"""Records: what was computed, as numpy arrays; saved and loaded by one pair of functions."""

from engine.records.records import (
    KINDS,
    Alignment,
    Analysis,
    Arrays,
    Record,
    RecordError,
    Result,
    Run,
    Spectrum,
    Surface,
    load,
    save,
    write,
)

__all__ = [
    "KINDS",
    "Alignment",
    "Analysis",
    "Arrays",
    "Record",
    "RecordError",
    "Result",
    "Run",
    "Spectrum",
    "Surface",
    "load",
    "save",
    "write",
]
