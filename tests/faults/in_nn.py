"""Faults of modules, layers, heads, blocks and positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from faults.planting import (
    Plant,
    afterwards,
    everywhere,
    method,
    with_arguments,
    with_attribute,
)
from minitorch_attn.nn import (
    Dense,
    Dropout,
    Embedding,
    KeyValueCache,
    LayerNorm,
    LearnedPositions,
    Module,
    MultiHeadAttention,
    TransformerBlock,
    merge_heads,
    sinusoids,
    split_heads,
)
from minitorch_attn.ops import gelu, matmul, mean, reshape, sqrt
from minitorch_attn.tensor import Tensor, raw


def scaled(factor: float) -> Any:
    """Makes an `__init__` whose first weights are so many times as large."""

    def change(self: Any) -> None:
        self.weight.data *= factor

    return afterwards(change)


def one_mean_for_all(right: Any) -> Any:
    def call(self: LayerNorm, x: Any) -> Tensor:
        away = x - mean(Tensor(raw(x)))
        return away / sqrt(mean(away * away) + self.eps) * self.weight + self.bias

    return call


def not_scaled_and_shifted(right: Any) -> Any:
    def call(self: LayerNorm, x: Any) -> Any:
        away = x - mean(x, axis=-1, keepdims=True)
        return away / sqrt(mean(away * away, axis=-1, keepdims=True) + self.eps)

    return call


def without_transpose(right: Any) -> Any:
    def split(x: Any, num_heads: int) -> Any:
        batch, tokens, width = raw(x).shape
        return reshape(x, (batch, num_heads, tokens, width // num_heads))

    return split


def query_and_key_exchanged(right: Any) -> Any:
    def call(self: MultiHeadAttention, *args: Any, **kwargs: Any) -> Any:
        self.query, self.key = self.key, self.query
        try:
            return right(self, *args, **kwargs)
        finally:
            self.query, self.key = self.key, self.query

    return call


def block(first: bool = True, second: bool = True, shared_norm: bool = False) -> Any:
    """A block before its norm or after it, with a sum or a norm wrong."""

    def call(
        self: TransformerBlock,
        x: Any,
        context: Any = None,
        mask: Any = None,
        causal: bool = False,
        return_weights: bool = False,
    ) -> Any:
        norm2 = self.norm1 if shared_norm else self.norm2
        pre = self.norm == "pre"
        y, w = self.attention(self.norm1(x) if pre else x, context, mask, causal, True)
        x = x + y if first else y
        x = x if pre else self.norm1(x)
        y = self.output(gelu(self.hidden(norm2(x) if pre else x)))
        x = x + y if second else y
        x = x if pre else norm2(x)
        return (x, w) if return_weights else x

    return lambda right: call


def sines_first(right: Any) -> Any:
    def table(num: int, dim: int) -> np.ndarray:
        both = right(num, dim)
        return np.concatenate([both[:, ::2], both[:, 1::2]], axis=1)

    return table


def slower(right: Any) -> Any:
    """Every wave twice as long."""
    return lambda num, dim: right(2 * num, dim)[: 2 * num : 2]


def all_in_one_place(right: Any) -> Any:
    return lambda self, x: x + self.weight[:1]


def twice_where_shared(right: Any) -> Any:
    def named(self: Module) -> Any:
        for path, module in self.named_modules():
            for name, child in module.own_parameters():
                yield (f"{path}.{name}" if path else name), child

    return named


def itself(right: Any) -> Any:
    return lambda self: {name: p.data for name, p in self.named_parameters()}


def kept_as_given(right: Any) -> Any:
    def load(self: Module, state: dict[str, Any]) -> None:
        right(self, state)
        for name, p in self.named_parameters():
            p.data = state[name]

    return load


def outermost_only(right: Any) -> Any:
    def train(self: Module, mode: bool = True) -> Module:
        self.training = mode
        return self

    return train


def also_in_evaluation(right: Any) -> Any:
    return with_attribute("training", lambda self: True)(right)


def only_the_newest(right: Any) -> Any:
    def append(self: KeyValueCache, key: Any, value: Any) -> Any:
        self.kept = ()
        return right(self, key, value)

    return append


FIRST = "test_layers.py::test_first_weights_keep_the_size_of_what_passes"
DROPOUT = "test_layers.py::test_dropout"
HEADS = "test_attention.py::test_multi_head_attention_is_its_definition"
BLOCK = "test_transformer.py::test_a_block_before_and_after_its_norm"
SINES = "test_transformer.py::test_sines_and_cosines_of_a_place"
PARTS = "test_cache.py::test_reading_in_parts_is_reading_at_once"
COPY = "test_module.py::test_a_state_is_a_copy_both_ways"
call = "__call__"

FAULTS: dict[str, tuple[Plant, str]] = {
    "Dense: first weights a tenth": (method(Dense, "__init__", scaled(0.1)), FIRST),
    "Embedding: first rows of length √D": (method(Embedding, "__init__", scaled(8)), FIRST),
    "positions: the usual 0.02": (
        method(LearnedPositions, "__init__", scaled(0.04)),
        "test_transformer.py::test_the_first_places_are_half_as_large_as_a_normal_number",
    ),
    "Dense: no bias": (
        method(Dense, call, lambda right: lambda self, x: matmul(x, self.weight)),
        "test_layers.py::test_dense",
    ),
    "dropout: in evaluation too": (method(Dropout, call, also_in_evaluation), DROPOUT),
    "dropout: never": (method(Dropout, call, lambda right: lambda self, x: x), DROPOUT),
    "dropout: what is left is not made up for": (
        method(Dropout, call, lambda right: lambda self, x: right(self, x) * (1 - self.p)),
        DROPOUT,
    ),
    "layer norm: one mean for all rows": (
        method(LayerNorm, call, one_mean_for_all),
        "test_layers.py::test_layer_norm_brings_rows_to_mean_0_and_variance_1",
    ),
    "layer norm: neither scaled nor shifted": (
        method(LayerNorm, call, not_scaled_and_shifted),
        "test_reference.py::test_transformer_block",
    ),
    "heads: split without a transpose": (
        everywhere(split_heads, without_transpose),
        "test_attention.py::test_heads_are_split_and_merged",
    ),
    "heads: merged in another order": (
        everywhere(merge_heads, lambda right: lambda x: right(x[:, ::-1])),
        HEADS,
    ),
    "heads: query and key exchanged": (
        method(MultiHeadAttention, call, query_and_key_exchanged),
        HEADS,
    ),
    "heads: the last projection left out": (
        method(MultiHeadAttention, call, with_attribute("output", lambda self: lambda x: x)),
        HEADS,
    ),
    "heads: the mask ignored": (
        method(MultiHeadAttention, call, with_arguments(mask=None)),
        "test_attention.py::test_a_mask_hides_what_it_hides",
    ),
    "heads: the order ignored": (
        method(MultiHeadAttention, call, with_arguments(causal=False)),
        "test_attention.py::test_one_layer_reaches_every_token",
    ),
    "heads: no dropout": (
        method(MultiHeadAttention, call, with_attribute("dropout", lambda self: Dropout(0.0))),
        "test_attention.py::test_attention_dropout_drops_weights_in_training_only",
    ),
    "block: attention not added to what came in": (
        method(TransformerBlock, call, block(first=False)),
        BLOCK,
    ),
    "block: the dense net not added": (
        method(TransformerBlock, call, block(second=False)),
        BLOCK,
    ),
    "block: one norm for both halves": (
        method(TransformerBlock, call, block(shared_norm=True)),
        "test_reference.py::test_transformer_block",
    ),
    "block: pre and post exchanged": (
        method(
            TransformerBlock,
            call,
            with_attribute("norm", lambda self: "post" if self.norm == "pre" else "pre"),
        ),
        BLOCK,
    ),
    "block: the order not handed on": (
        method(TransformerBlock, call, with_arguments(causal=False)),
        "test_transformer.py::test_causality_of_a_block",
    ),
    "sinusoids: all sines first": (everywhere(sinusoids, sines_first), SINES),
    "sinusoids: waves half as long": (everywhere(sinusoids, slower), SINES),
    "positions: all in the first place": (
        method(LearnedPositions, call, all_in_one_place),
        "test_transformer.py::test_learned_positions_are_added_and_learn",
    ),
    "positions: start ignored": (
        method(LearnedPositions, call, lambda right: lambda self, x, start=0: right(self, x)),
        "test_cache.py::test_positions_go_on_from_a_place",
    ),
    "cache: only the newest kept": (method(KeyValueCache, "append", only_the_newest), PARTS),
    "cache: a fork is the same cache": (
        method(KeyValueCache, "fork", lambda right: lambda self: self),
        "test_cache.py::test_a_fork_is_another_ending",
    ),
    "block: the cache forgotten": (
        method(
            TransformerBlock,
            "go_on",
            lambda right: lambda self, cache, x, *how: self.mix(x, None, how[0], True, how[1]),
        ),
        PARTS,
    ),
    "parameters: a shared one counts twice": (
        method(Module, "named_parameters", twice_where_shared),
        "test_module.py::test_a_shared_parameter_counts_once",
    ),
    "state_dict: the arrays themselves": (method(Module, "state_dict", itself), COPY),
    "load_state_dict: the arrays as given": (
        method(Module, "load_state_dict", kept_as_given),
        COPY,
    ),
    "train: the outermost module only": (
        method(Module, "train", outermost_only),
        "test_module.py::test_train_and_eval_reach_every_module",
    ),
    "zero_grad: forgets nothing": (
        method(Module, "zero_grad", lambda right: lambda self: None),
        "test_module.py::test_zero_grad_forgets",
    ),
    "generators: none found": (
        method(Module, "generators", lambda right: lambda self: []),
        "test_module.py::test_generators_are_found_once",
    ),
}
