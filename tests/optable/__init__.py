"""The table of ops: one row a way of calling one. `opchecks.py` says what must hold for each."""

from __future__ import annotations

from optable import (
    table_attention,
    table_elementwise,
    table_gather,
    table_graphs,
    table_moving,
    table_products,
    table_reduce,
    table_softmax,
)
from optable.oprow import Row, rows

TABLES = (
    table_elementwise,
    table_reduce,
    table_moving,
    table_gather,
    table_products,
    table_softmax,
    table_attention,
    table_graphs,
)
ROWS: dict[str, Row] = {r.id: r for r in rows}
assert len(ROWS) == len(rows), "two rows of the table have one name"
