"""A mapping that can be a field of an immutable state: copied on change, comparable, hashable."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NoReturn, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class FrozenMap(dict[K, V]):
    """A dict that never changes. `set` and `without` answer a changed copy (a shallow one: values are shared)."""

    __slots__ = ("_hash",)
    _hash: int

    def set(self, key: K, value: V) -> FrozenMap[K, V]:
        changed: dict[K, V] = dict(self)
        changed[key] = value
        return FrozenMap(changed)

    def without(self, key: K) -> FrozenMap[K, V]:
        changed: dict[K, V] = dict(self)
        changed.pop(key, None)
        return FrozenMap(changed)

    def __hash__(self) -> int:  # type: ignore[override]
        try:
            return self._hash
        except AttributeError:
            self._hash = hash(frozenset(self.items()))
            return self._hash

    def __deepcopy__(self, memo: object) -> FrozenMap[K, V]:
        return self

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("a FrozenMap never changes; use set() or without(), which answer a copy")

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = pop = popitem = clear = setdefault = _refuse
