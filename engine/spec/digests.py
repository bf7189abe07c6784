"""Digests: names of specs, the same on every machine and in every later version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from engine.spec.coding import complete, encode


def digest(spec: Any) -> str:
    """16 hex digits that name this spec; equal specs and only they share it (SHA-256 of the canonical JSON)."""
    return fingerprint(encode(spec))


def fingerprint(encoded: Mapping[str, Any]) -> str:
    """The digest of a spec that is encoded already, as records keep it."""
    canonical = json.dumps(encoded, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def describe(spec: Any) -> dict[str, Any]:
    """A spec as figures and captions are given it: every field, and under "digest" its name, which the fields alone
    do not give."""
    return complete(spec) | {"digest": digest(spec)}
