"""Specs: frozen dataclasses that say what to compute, with fields that check, encode, print and describe themselves.

`declare` is how a class says what its fields are; `fields` and `nested` are the kinds of fields; `coding` makes JSON of
specs, `digests` their names; `dotted` is the grammar that `addresses` and `commands` read.
"""

from engine.spec.addresses import Reading, read_address
from engine.spec.coding import changes, complete, decode, dumps, encode, parse
from engine.spec.commands import read_words, split_words
from engine.spec.declare import choice, flag, knob, pick, series, several, word
from engine.spec.digests import describe, digest, fingerprint
from engine.spec.dotted import flatten
from engine.spec.fields import (
    Choice,
    Flag,
    Integer,
    Knob,
    Number,
    Plain,
    Series,
    SpecError,
    Table,
    Word,
    defaults,
    knobs,
)
from engine.spec.nested import Pick, Several
from engine.spec.parts import floats, number_fields, picked, with_floats

__all__ = [
    "Choice",
    "Flag",
    "Integer",
    "Knob",
    "Number",
    "Pick",
    "Plain",
    "Reading",
    "Series",
    "Several",
    "SpecError",
    "Table",
    "Word",
    "changes",
    "choice",
    "complete",
    "decode",
    "defaults",
    "describe",
    "digest",
    "dumps",
    "encode",
    "fingerprint",
    "flag",
    "flatten",
    "floats",
    "knob",
    "knobs",
    "number_fields",
    "parse",
    "pick",
    "picked",
    "read_address",
    "read_words",
    "series",
    "several",
    "split_words",
    "with_floats",
    "word",
]
