"""Every op: its forward and its gradient rules side by side, one small file a family."""

from .arithmetic import absolute, add, divide, maximum, minimum, multiply, negative, power, subtract
from .attention import attention, attention_reference
from .elementwise import astype, exp, gelu, log, relu, sigmoid, sqrt, tanh, where
from .gather import embedding, take
from .heads import merge_heads, split_heads
from .linalg import einsum, linear, matmul
from .linear_attention import linear_attention
from .methods import install as _install
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
from .sparse import entmax15, sparsemax
from .window import window_attention

_install()
