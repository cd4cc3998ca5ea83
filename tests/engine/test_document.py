"""The document's own layer."""

from __future__ import annotations

import numpy as np
from helpers.tokens import F64, influence, rng, tokens

from minitorch_attn.models import Attention


def test_the_documents_attention() -> None:
    assert (Attention().num_attention_heads, Attention().num_heads_per_head) == (8, 64)
    layer = Attention(num_attention_heads=2, num_heads_per_head=5, rng=rng(), **F64)
    assert layer.total_heads == 10
    x = tokens(3, 4, 6)
    assert layer.heads is None
    y, w = layer.build(6).eval()(x, return_weights=True)
    assert y.shape == x.shape
    assert w.shape == (3, 2, 4, 4)
    assert layer.heads is not None
    np.testing.assert_allclose(y.data, layer.heads(x).data, rtol=1e-9)
    np.testing.assert_array_equal(layer(x).data, y.data)
    assert len(layer.parameters()) == 8
    # Tokens attend to tokens, and not heads to heads.
    assert influence(Attention(2, 5, rng=rng(), **F64).build(6).eval(), 4).all()
    # Built by its first input, as in Keras; its dropout is at work while training.
    first = Attention(2, 5, rng=rng(), **F64)
    assert (first(x).data == 0).any()
