"""Faults of the ops, of their faster forms, and of the ground that they stand on.

The rules of single ops have faults of their own in `engine/test_mutation.py`; here is what lies at
the edge of a rule, and what holds for all ops together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from faults.planting import Plant, everywhere, forward, forward_text, method, rewritten, text
from minitorch_attn import backward, draws, dtypes
from minitorch_attn.arrays import add_rows, is_basic_index, random_keep
from minitorch_attn.fast import blockwise, rows, shared, whole
from minitorch_attn.forms import _faster
from minitorch_attn.ops import arithmetic, elementwise, norm, reduce
from minitorch_attn.ops.attention import attention, masked_softmax
from minitorch_attn.ops.linalg import matmul
from minitorch_attn.ops.linear_attention import linear_attention
from minitorch_attn.ops.op import Op
from minitorch_attn.ops.pairs import all_finite, weighed
from minitorch_attn.ops.window import window_attention
from minitorch_attn.tensor import Tensor
from minitorch_attn.validation.attention import _readings
from minitorch_attn.validation.gradients import check_dtype
from minitorch_attn.validation.indices import check_axis, check_indices
from minitorch_attn.validation.subscripts import parse_einsum


def settable(patch: pytest.MonkeyPatch) -> None:
    """requires_grad that may be set whatever the dtype."""
    getter = Tensor.__dict__["requires_grad"].fget
    patch.setattr(
        Tensor, "requires_grad", property(getter, lambda self, on: setattr(self, "_tracked", on))
    )


def method_text(owner: type, name: str, old: str, new: str) -> Plant:
    return method(owner, name, lambda right: rewritten(right, old, new))


def nan_alone(right: Any) -> Any:
    return lambda *arrays: not any(np.isnan(x).any() for x in arrays)


DTYPES, MASKS, EDGES, AXES = (
    "test_dtypes.py::",
    "test_masks.py::",
    "test_edges.py::",
    "test_axes.py::",
)
BLOCKS = "test_blockwise.py::test_many_blocks_equal_one_piece"
SCORES = EDGES + "test_scores_of_any_size"
HIDDEN = MASKS + "test_nothing_passes_where_the_mask_forbids"
EQUAL = EDGES + "test_layer_norm_of_equal_numbers_is_0"
UNDERFLOW = EDGES + "test_what_underflows_is_0"
POWERS = EDGES + "test_powers_at_0_and_to_0"

FAULTS: dict[str, tuple[Plant, str]] = {
    # dtypes
    "numbers: NumPy's weigh": (
        text(dtypes.operand, "isinstance(x, np.generic) and not alone", "False"),
        DTYPES + "test_numbers_weigh_nothing",
    ),
    "integers: none converted": (
        everywhere(dtypes._kind, lambda right: lambda x: "f"),
        DTYPES + "test_arithmetic_of_narrow_integers_does_not_overflow",
    ),
    "integers: as float32": (
        text(dtypes.common, "np.dtype(np.float64)", "np.dtype(np.float32)"),
        DTYPES + "test_what_leads_out_of_the_whole_numbers_is_float64",
    ),
    "float16: let through": (
        text(check_dtype, 'dtype.char == "e"', "False"),
        DTYPES + "test_float16_is_refused_with_a_reason",
    ),
    "integers: a gradient by hand": (settable, DTYPES + "test_integers_have_no_gradient"),
    "astype: integers keep a gradient": (
        text(elementwise.astype, 'dtype.kind != "f"', "False"),
        DTYPES + "test_what_becomes_integers_has_no_gradient",
    ),
    "attention: each input in its own dtype": (
        text(attention, "query, key, value = alike(query, key, value)", "pass"),
        DTYPES + "test_mixed_inputs_give_numpys_common_dtype",
    ),
    "layer norm: each input in its own dtype": (
        text(norm.layer_norm, "x, weight, bias = alike(x, weight, bias)", "pass"),
        DTYPES + "test_mixed_inputs_give_numpys_common_dtype",
    ),
    "dropout: integers stay": (
        text(norm.dropout, "(x,) = alike(x)", "pass"),
        DTYPES + "test_dropout_of_integers_multiplies_what_stays_by_the_whole_factor",
    ),
    "indices: as narrow as they came": (
        text(check_indices, ".astype(np.intp, copy=False)", ""),
        DTYPES + "test_token_ids_of_any_width",
    ),
    "backward: begins in another dtype": (
        text(backward._seed, "elif gradient.dtype != output.dtype:", "elif False:"),
        DTYPES + "test_the_gradient_to_begin_with_takes_the_outputs_dtype",
    ),
    "seeds: 0 means any": (
        text(draws.generator, "default_rng(rng)", "default_rng(rng or None)"),
        DTYPES + "test_a_seed_is_an_integer_zero_too",
    ),
    # masks
    "masks: read from the right, come what may": (
        everywhere(_readings, lambda right: lambda *shapes: {()}),
        MASKS + "test_a_mask_that_could_mean_two_things_is_refused",
    ),
    "masks: those with fewer axes all refused": (
        everywhere(_readings, lambda right: lambda *shapes: {(0,), (1,)}),
        MASKS + "test_a_mask_that_can_mean_one_thing",
    ),
    "masks: nothing bad looked for": (
        everywhere(all_finite, lambda right: lambda *arrays: True),
        HIDDEN,
    ),
    "masks: infinity not looked for": (everywhere(all_finite, nan_alone), HIDDEN),
    "pairs: forbidden products summed": (
        forward_text("pair_sums", "a = xp.where(allowed, a, 0)", "pass"),
        "test_ops.py::test_op[pair_sums-check_value]",
    ),
    "pairs: forbidden products kept": (
        forward_text("pair_products", "(allowed, multiply", "(True, multiply"),
        "test_ops.py::test_op[pair_products-check_value]",
    ),
    "pairs: allowed infinity left out": (
        forward_text("pair_sums", "rest.tolist()", "[]"),
        MASKS + "test_what_is_not_hidden_is_not_hidden",
    ),
    "dropped weights: a plain product": (
        everywhere(weighed, lambda right: matmul),
        MASKS + "test_padding_that_is_not_a_number",
    ),
    "attention: an empty row has weights": (
        text(masked_softmax, "weights * any_allowed", "weights"),
        "test_attention.py::test_a_query_that_may_attend_to_nothing",
    ),
    "whole: an empty row is NaN": (
        text(whole.weights_of, "xp.where(top == -math.inf, 0, top)", "top"),
        "test_attention.py::test_a_query_that_may_attend_to_nothing",
    ),
    "whole: an empty row of small scores is NaN": (
        text(whole._divided, "namespace(weights).where(total == 0, 1, total)", "total"),
        "test_attention.py::test_a_query_that_may_attend_to_nothing",
    ),
    "shared: the first part's mask for all": (
        text(shared._of, "mask[part]", "mask[: part.stop - part.start]"),
        "test_shared_attention.py::test_parts_are_the_whole",
    ),
    # axes
    "axes: counted round and round": (
        everywhere(check_axis, lambda right: lambda axis, ndim: axis % ndim),
        AXES + "test_an_axis_is_there_or_not_as_in_numpy",
    ),
    "axes: those of a number": (
        text(reduce.kept_shape, "axis is None or not shape", "axis is None"),
        AXES + "test_a_number_reduced_is_itself",
    ),
    "einsum: what ... stands for is summed": (
        text(parse_einsum, 'elif dots and "..." not in output:', "elif False:"),
        "test_errors.py::test_wrong_use[einsum that loses what ... stands for]",
    ),
    # edges
    "sigmoid: by way of tanh": (
        forward("sigmoid", lambda right: lambda x: 0.5 * (1 + np.tanh(0.5 * x))),
        EDGES + "test_sigmoid_keeps_its_precision_where_it_is_small",
    ),
    "power: the detour for every base": (
        text(arithmetic._less_one, "(raw(b) == 0) & (raw(a) == 0)", "raw(b) == 0"),
        EDGES + "test_the_mixed_derivative_of_a_power",
    ),
    "power: no detour for arrays": (
        text(arithmetic._less_one, "(raw(b) == 0) & (raw(a) == 0)", "raw(b) != raw(b)"),
        POWERS,
    ),
    "power: no detour for numbers": (
        text(arithmetic._less_one, "b - 1 if b else 1", "b - 1"),
        POWERS,
    ),
    "power: the logarithm of 0": (
        text(arithmetic._log_positive, "math.log(a) if a > 0 else 0.0", "math.log(a)"),
        POWERS,
    ),
    "layer norm: the mean taken away once": (
        forward_text("layer_norm", "x - x[..., :1]", "x * 1"),
        EQUAL,
    ),
    "layer norm, plain: the mean taken away once": (
        text(norm.layer_norm_reference, "x = x - mean(x, axis=-1, keepdims=True)", "pass"),
        EQUAL,
    ),
    "whole: scores far below 0 are small": (
        text(whole._is_small, "scores.min() > -SAFE_SCORE and ", ""),
        SCORES,
    ),
    "whole: scores far above 0 are small": (
        text(whole._is_small, " and scores.max() < SAFE_SCORE", ""),
        SCORES,
    ),
    "blocks: all scores are small": (
        text(blockwise.forward, "small = bound < SAFE_SCORE", "small = True"),
        SCORES,
    ),
    "blocks: the last keys of a causal block left out": (
        text(blockwise.blocks, "rows.stop + s - n", "rows.stop + s - n - 1"),
        BLOCKS,
    ),
    "blocks: kept weights not divided": (
        text(blockwise.backward, "divided_g / sums, inner / sums", "divided_g, inner"),
        BLOCKS,
    ),
    "blocks: an earlier sum not shrunk": (
        text(blockwise.forward, "total *= shrink", "pass"),
        BLOCKS,
    ),
    "blocks: the order of the wrong length": (
        everywhere(
            blockwise._later, lambda right: lambda rows, columns, ahead: right(rows, columns, 0)
        ),
        BLOCKS,
    ),
    "alarms: underflow stops the way back": (
        text(backward.grad, 'np.errstate(under="ignore")', "np.errstate()"),
        UNDERFLOW,
    ),
    "alarms: underflow stops an op": (
        method_text(Op, "_again", "not isinstance(error, FloatingPointError", "not isinstance(0"),
        UNDERFLOW,
    ),
    # the ground
    "arrays: True is an index like 1": (
        text(is_basic_index, " and not isinstance(part, bool)", ""),
        "test_arrays.py::test_a_basic_index_never_repeats",
    ),
    "arrays: kept where it is to be dropped": (
        text(random_keep, ">= p", "< p"),
        "test_arrays.py::test_what_is_kept_is_numpys_choice_on_every_device",
    ),
    "rows: sums of what is not sorted": (
        lambda patch: patch.setitem(
            _faster, add_rows, rewritten(rows.add_sorted_rows, "values[order]", "values")
        ),
        "test_ops.py::test_op[embedding-check_gradient]",
    ),
    "window: one place less": (
        text(window_attention, "<= width", "< width"),
        "test_cheap_attention.py::test_a_window_is_a_mask",
    ),
    "window: zeros beyond the ends are seen": (
        text(window_attention, " & (place >= 0) & (place < n)", ""),
        "test_cheap_attention.py::test_a_window_is_a_mask",
    ),
    "linear attention: the chunks before forgotten": (
        text(linear_attention, "if i:", "if False:"),
        "test_cheap_attention.py::test_linear_attention_in_chunks_is_every_pair",
    ),
}
