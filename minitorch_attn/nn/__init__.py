"""Layers: functions that own parameters."""

from .attention import MultiHeadAttention, merge_heads, split_heads
from .cache import KeyValueCache
from .layers import Dense, Dropout, Embedding, LayerNorm, Sequential, Softmax
from .mixing import Mixing
from .module import Module, Parameter
from .pooling import AttentionPooling, LastFrame, MaxPooling, MeanPooling, Pooling
from .transformer import (
    DecoderBlock,
    LearnedPositions,
    SinusoidalPositions,
    TransformerBlock,
    sinusoids,
)

__all__ = [name for name, value in vars().items() if callable(value)]
