"""Randomness as data: one generator per seed and purpose, always on the CPU, so that no result depends on the device
or on its neighbours."""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU generator for one purpose, such as ("batches", epoch): the same words give the same stream anywhere."""
    words = "/".join(map(str, (seed, *purpose)))
    key = int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big") >> 1
    return torch.Generator().manual_seed(key)
