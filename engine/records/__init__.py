"""Records: what was computed, as numpy arrays; saved and loaded by one pair of functions. Needs no torch: a figure
can be drawn again from its record alone."""

from engine.records.files import append, head, load, save, write
from engine.records.kinds import KINDS, Alignment, Design, JointSurface, Result, Run, Spectrum, Surface, Sweep
from engine.records.progress import Computing, Progress, Stop, finished, meanwhile
from engine.records.record import ENDS, STATUSES, Arrays, Record, RecordError

__all__ = [
    "ENDS",
    "KINDS",
    "STATUSES",
    "Alignment",
    "Arrays",
    "Computing",
    "Design",
    "JointSurface",
    "Progress",
    "Record",
    "RecordError",
    "Result",
    "Run",
    "Spectrum",
    "Stop",
    "Surface",
    "Sweep",
    "append",
    "finished",
    "head",
    "load",
    "meanwhile",
    "save",
    "write",
]
