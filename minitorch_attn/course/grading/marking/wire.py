"""Plain trees of arrays as bytes, between the grader and the box in which student code runs.

A frame is the length of a head and of a body, the head (JSON: the tree, with the dtype and shape
of each array) and the body (the arrays' bytes, one after the other). What arrives is hostile:
every length is checked before anything of that length is made, nothing is unpickled, and only
plain numbers, strings and containers come out.

The box has this file too, so it needs NumPy, the standard library and `readonly` only.
"""

from __future__ import annotations

import json
import math
import re
import struct
from typing import Any

import numpy as np

if __package__:
    from ...checking.readonly import ReadOnlyList
else:  # in the box, where it lies beside this file
    from readonly import ReadOnlyList  # type: ignore[import-not-found, no-redef]

FRAME = struct.Struct(">II")
MAX_HEAD = 4_000_000  # bytes
MAX_BODY = 48_000_000
# What comes out of the box. The largest right answer in the book has 0.35 MB, all those of an
# exercise together 2.3; what compares, shows and keeps them takes ten times their size.
MAX_ANSWER, MAX_ANSWERS = 8_000_000, 64_000_000
MAX_VALUES = 50_000  # leaves and containers of one tree
MAX_KEYS = 2_000  # of one dict
MAX_DEPTH = 30
MAX_TEXT = 200_000
MAX_DIGITS = 1_000
MAX_AXIS = 20_000_000

_DTYPE = re.compile(r"[<>|](?:b1|[iu][1248]|f[248]|c8|c16|[US][1-9]\d{0,5})")


class WireError(Exception):
    """What arrived is not a message."""


class NotPlain(Exception):
    """The value is no plain tree of arrays; the message names what it is."""


def pack(value: Any, most: int = MAX_BODY) -> bytes:
    """A value as a frame, its body no longer than `most`. Raises NotPlain for what is no tree of
    plain arrays, or larger."""
    parts: list[bytes] = []
    tree = _Packer(parts, most).tree(value, 0)
    head = json.dumps(tree).encode()
    size = sum(map(len, parts))
    if len(head) > MAX_HEAD or size > most:
        raise NotPlain(f"a value of {_mb(len(head) + size)}, where no exercise needs {_mb(most)}")
    return FRAME.pack(len(head), size) + head + b"".join(parts)


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


def lengths(prefix: bytes, most: int = MAX_BODY) -> tuple[int, int]:
    """The lengths of head and body, from a frame's first bytes."""
    head, body = FRAME.unpack(prefix)
    if head > MAX_HEAD or body > most:
        raise WireError(f"a message of {head + body:,} bytes")
    return head, body


def unpack(head: bytes, body: bytes) -> Any:
    """The value in a frame."""
    try:
        tree = json.loads(head.decode())
        reader = _Reader(body)
        value = reader.value(tree, 0)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise WireError(f"{type(error).__name__}: {error}"[:200]) from None
    if reader.at != len(body):
        raise WireError(f"{len(body) - reader.at:,} bytes too many")
    return value


class _Packer:
    def __init__(self, parts: list[bytes], most: int) -> None:
        self.parts, self.most, self.count = parts, most, 0

    def tree(self, value: Any, depth: int) -> Any:
        """The value as JSON holds it: None, booleans, strings and lists as they are, all else a
        dict of its kind and content. Arrays leave their bytes in `parts`. Raises NotPlain."""
        self.count += 1
        if self.count > MAX_VALUES:
            raise NotPlain(f"more than {MAX_VALUES:,} values")
        if depth > MAX_DEPTH:
            raise NotPlain(f"more than {MAX_DEPTH} containers inside each other")
        # NumPy's numbers come first: np.float64 is a float as well.
        if isinstance(value, np.ndarray | np.generic):
            return self.array(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            if len(value) > MAX_TEXT:
                raise NotPlain(f"a string of {len(value):,} characters")
            return str.__str__(value)
        if isinstance(value, int):
            if int.bit_length(value) > 3.3 * MAX_DIGITS:
                raise NotPlain(f"an integer of more than {MAX_DIGITS:,} digits")
            return {"int": int.__repr__(value)}
        if isinstance(value, float):
            return {"float": float.__repr__(value)}
        if isinstance(value, complex):
            return {"complex": [repr(float(value.real)), repr(float(value.imag))]}
        if isinstance(value, tuple):
            return {"tuple": [self.tree(item, depth + 1) for item in value]}
        if isinstance(value, list):
            items = [self.tree(item, depth + 1) for item in value]
            return {"fixed": items} if isinstance(value, ReadOnlyList) else items
        if isinstance(value, dict):
            if len(value) > MAX_KEYS:
                raise NotPlain(f"a dict of more than {MAX_KEYS:,} keys")
            return {
                "dict": [
                    [self.tree(key, depth + 1), self.tree(item, depth + 1)]
                    for key, item in value.items()
                ]
            }
        if hasattr(value, "requires_grad") and hasattr(value, "data"):
            raise NotPlain("a Tensor; return its array, .data")
        raise NotPlain(f"an object of type {type(value).__name__}")

    def array(self, value: Any) -> dict[str, list[Any]]:
        array = np.asarray(value)
        # Extended precision has another size on every machine.
        if array.dtype.kind in "fc" and array.dtype.itemsize > (
            8 if array.dtype.kind == "f" else 16
        ):
            array = array.astype(np.float64 if array.dtype.kind == "f" else np.complex128)
        if not _DTYPE.fullmatch(array.dtype.str):
            raise NotPlain(f"an array of dtype {array.dtype}")
        if array.nbytes > self.most:
            big = f"an array of {_mb(array.nbytes)}"
            raise NotPlain(f"{big}, where no exercise needs {_mb(self.most)}")
        self.parts.append(array.tobytes())
        kind = "scalar" if isinstance(value, np.generic) else "array"
        if kind == "array" and not array.flags.writeable:
            kind = "frozen"
        return {kind: [array.dtype.str, *array.shape]}


class _Reader:
    def __init__(self, body: bytes) -> None:
        self.body, self.at, self.count = body, 0, 0

    def value(self, tree: Any, depth: int) -> Any:
        """The value of which `_Packer.tree` made this. Raises ValueError, TypeError or others of
        `unpack` for a tree that it would not have made, before anything large is."""
        self.count += 1
        if self.count > MAX_VALUES or depth > MAX_DEPTH:
            raise ValueError("too many values, or too deep")
        if tree is None or isinstance(tree, bool):
            return tree
        if isinstance(tree, str):
            if len(tree) > MAX_TEXT:
                raise ValueError("a string that is too long")
            return tree.encode("utf-8", "replace").decode()  # a lone surrogate cannot be written
        if isinstance(tree, list):
            return [self.value(item, depth + 1) for item in tree]
        if not isinstance(tree, dict) or len(tree) != 1:
            raise ValueError(f"a {type(tree).__name__} in the tree")
        [(kind, content)] = tree.items()
        if kind == "int":
            if not isinstance(content, str) or len(content) > MAX_DIGITS + 2:
                raise ValueError("a number that is too long")
            return int(content)
        if kind == "float":
            return _number(content)
        if not isinstance(content, list):
            raise ValueError(f"{kind} of a {type(content).__name__}")
        if kind == "complex":
            real, imaginary = content
            return complex(_number(real), _number(imaginary))
        if kind == "tuple":
            return tuple(self.value(item, depth + 1) for item in content)
        if kind == "fixed":
            return ReadOnlyList(self.value(item, depth + 1) for item in content)
        if kind == "dict":
            if len(content) > MAX_KEYS:
                raise ValueError("too many keys")
            pairs = [(self.value(k, depth + 1), self.value(v, depth + 1)) for k, v in content]
            return dict(pairs)
        if kind in ("array", "frozen", "scalar"):
            array = self.array(*content)
            if kind == "scalar" and array.ndim:
                raise ValueError("a scalar with axes")
            if kind == "frozen":
                array.flags.writeable = False
            return array[()] if kind == "scalar" else array
        raise ValueError(f"no such kind: {kind[:20]}")

    def array(self, dtype: Any, *shape: Any) -> np.ndarray:
        if not isinstance(dtype, str) or not _DTYPE.fullmatch(dtype):
            raise ValueError("no such dtype")
        if len(shape) > 32 or not all(type(n) is int and 0 <= n <= MAX_AXIS for n in shape):
            raise ValueError("no such shape")
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        if size > len(self.body) - self.at:
            raise ValueError(f"an array of {size:,} bytes, of which some are missing")
        data = self.body[self.at : self.at + size]
        self.at += size
        if kind.kind == "b":
            return (
                np.frombuffer(data, np.uint8).reshape(shape) != 0
                if shape
                else np.array(data != b"\0")
            )
        if kind.kind == "U":
            points = np.frombuffer(data, np.dtype(f"{dtype[0]}u4"))
            if ((points > 0x10FFFF) | ((points >= 0xD800) & (points <= 0xDFFF))).any():
                raise ValueError("no such character")
        return np.frombuffer(data, kind).reshape(shape).astype(kind.newbyteorder("="))


def _number(text: Any) -> float:
    if not isinstance(text, str) or len(text) > 40:
        raise ValueError("a number that is too long")
    return float(text)
