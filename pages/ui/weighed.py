"""A cache bounded in bytes, for all threads of a server: the least recently used goes first."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from threading import Lock
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import numpy as np
from google.protobuf.message import Message


class Entry(NamedTuple):
    """What is kept under a key, the bytes it takes, and of which version it is."""

    value: Any
    size: int
    version: Any


class Weighed:
    """Values by key, of at most `most` bytes together as `weigh` counts them."""

    def __init__(self, most: int):
        self.most, self.size = most, 0
        self._kept: OrderedDict[Hashable, Entry] = OrderedDict()
        self._turns: WeakValueDictionary[Hashable, Lock] = WeakValueDictionary()  # each for as long as one has it
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], Any], version: Any = None) -> Any:
        """What is kept under the key, of that version, else what `make()` gives, for which all who ask at the same time
        wait; it takes the place of any other version, which nobody asks for any more. One that raises keeps nothing,
        and the next makes it. What is larger than the bound is handed over and not kept."""
        if found := self._found(key, version):
            return found.value
        with self._lock:
            turn = self._turns.setdefault(key, Lock())
        with turn:
            if found := self._found(key, version):
                return found.value
            value = make()
            self._keep(key, Entry(value, weigh(value), version))
        return value

    def _found(self, key: Hashable, version: Any) -> Entry | None:
        with self._lock:
            found = self._kept.get(key)
            if found is None or found.version != version:
                return None
            self._kept.move_to_end(key)
            return found

    def _keep(self, key: Hashable, entry: Entry) -> None:
        if entry.size > self.most:
            return
        with self._lock:
            if before := self._kept.pop(key, None):
                self.size -= before.size
            self._kept[key] = entry
            self.size += entry.size
            while self.size > self.most:
                self.size -= self._kept.popitem(last=False)[1].size


def weigh(value: Any) -> int:
    """About how many bytes a value keeps from being freed: arrays as large as what they are views of, messages as they
    are sent, and all that is found in dataclasses, tuples, lists and mappings; each thing once."""
    size, seen, parts = 0, set[int](), [value]
    while parts:
        part = _owner(parts.pop())
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, np.ndarray):
            size += part.nbytes
            continue
        size += sys.getsizeof(part) + (part.ByteSize() if isinstance(part, Message) else 0)
        if isinstance(part, Mapping):
            parts += [*part.keys(), *part.values()]
        elif isinstance(part, tuple | list):
            parts += part
        elif is_dataclass(part):
            parts += [getattr(part, field.name) for field in fields(part)]
    return size


def _owner(part: Any) -> Any:
    """The array that a view is of, however indirectly; anything else as it is."""
    while isinstance(part, np.ndarray) and isinstance(part.base, np.ndarray):
        part = part.base
    return part
