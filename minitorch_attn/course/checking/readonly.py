"""A list that cannot be changed. The box in which students' code runs has this file, too."""

from __future__ import annotations

from typing import Any


class ReadOnlyList(list):
    """A list that refuses to be changed, as a read-only array does. Its copies are plain lists."""

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("this list is read-only")

    append = extend = insert = remove = pop = clear = sort = reverse = _refuse
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse

    def __reduce_ex__(self, _: Any) -> Any:
        return list, (list(self),)
