"""anywidget in the page: a widget's script runs there, and its values travel as messages.

A widget is shown with its script and the values of its traits; after that each side sends the other
what has changed. Of anywidget and traitlets here is what the book's widgets use.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

MEDIA_TYPE = "application/vnd.minitorch-attn.widget+json"  # what `live.js` shows as a widget

Message = dict[str, Any]


class Trait:
    """A value of a widget that the page knows as well."""

    def __init__(self, default: Any) -> None:
        self.default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, widget: Widget | None, owner: type) -> Any:
        return self if widget is None else widget.values[self.name]

    def __set__(self, widget: Widget, value: Any) -> None:
        widget.change({self.name: value}, told=False)

    def tag(self, **_: Any) -> Trait:
        """As in traitlets; here each trait is told to the page."""
        return self


def observe(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A method that is called when this trait has changed, with what changed, as in traitlets."""

    def mark(method: Callable[..., None]) -> Callable[..., None]:
        method.observes = name  # type: ignore[attr-defined]
        return method

    return mark


def traits() -> dict[str, Callable[..., Trait]]:
    """The traits by their names in traitlets, each with its default."""
    kinds: dict[str, Any] = {"List": [], "Dict": {}, "Int": 0, "Float": 0.0, "Unicode": ""}
    return {name: lambda default=empty: Trait(default) for name, empty in kinds.items()}


class Widget:
    """What `anywidget.AnyWidget` is here; `_esm` is the script, with a `render` as anywidget's."""

    _esm = ""
    send: Callable[[Message], None]  # to the page; the kernel says how
    shown: dict[int, Widget] = {}  # noqa: RUF012  those that the page may tell of, by number

    def __init__(self, **values: Any) -> None:
        members = [getattr(type(self), name) for name in dir(type(self))]
        defaults = {m.name: m.default for m in members if isinstance(m, Trait)}
        self.values = copy.deepcopy(defaults) | values
        self._observers = [m for m in members if hasattr(m, "observes")]
        self._number = 0

    def change(self, values: Message, told: bool) -> None:
        """Take values, from the page if it `told` them; what observes them is called."""
        self.values |= values
        if self._number and not told:
            Widget.send({"widget": self._number, "values": values})
        for method in self._observers:
            if (name := method.observes) in values:
                method(self, {"name": name, "new": values[name]})

    def _repr_mimebundle_(self) -> Message:
        if not self._number:
            self._number = len(Widget.shown) + 1
            Widget.shown[self._number] = self
        facts = {"number": self._number, "script": self._esm, "values": self.values}
        return {"text/plain": f"<{type(self).__name__}>", MEDIA_TYPE: facts}
