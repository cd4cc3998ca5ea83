"""Every op: its forward and its gradient rules side by side, one small file a family."""

from .attention import attention, attention_reference
from .checkpoint import checkpoint
from .elementwise import (
    absolute,
    add,
    astype,
    divide,
    exp,
    gelu,
    log,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    relu,
    sigmoid,
    sqrt,
    subtract,
    tanh,
    where,
)
from .gather import embedding, take
from .heads import merge_heads, packed_attention, split_heads
from .linalg import einsum, linear, matmul
from .methods import install
from .norm import dropout, layer_norm
from .reduce import max, mean, min, sum, var
from .shape import (
    broadcast_to,
    concatenate,
    getitem,
    reshape,
    split,
    squeeze,
    stack,
    swapaxes,
    transpose,
)
from .softmax import cross_entropy, log_softmax, logsumexp, softmax

install()

__all__ = [
    "absolute",
    "add",
    "astype",
    "attention",
    "attention_reference",
    "broadcast_to",
    "checkpoint",
    "concatenate",
    "cross_entropy",
    "divide",
    "dropout",
    "einsum",
    "embedding",
    "exp",
    "gelu",
    "getitem",
    "layer_norm",
    "linear",
    "log",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "maximum",
    "mean",
    "merge_heads",
    "min",
    "minimum",
    "multiply",
    "negative",
    "packed_attention",
    "power",
    "relu",
    "reshape",
    "sigmoid",
    "softmax",
    "split",
    "split_heads",
    "sqrt",
    "squeeze",
    "stack",
    "subtract",
    "sum",
    "swapaxes",
    "take",
    "tanh",
    "transpose",
    "var",
    "where",
]
