"""The files that are shipped with the library, in `data/packed/`."""

from __future__ import annotations

from pathlib import Path

PACKED = Path(__file__).with_name("packed")


def packed_text(name: str) -> str:
    """The text of a file, unpacked where its name ends in .gz."""
    if not name.endswith(".gz"):
        return (PACKED / name).read_text(encoding="utf-8")
    import gzip  # here: who reads no such file need not load it

    return gzip.decompress((PACKED / name).read_bytes()).decode()


def packed_rows(name: str) -> list[list[str]]:
    """The cells of a file of tab-separated lines."""
    return [line.split("\t") for line in packed_text(name).removesuffix("\n").split("\n")]
