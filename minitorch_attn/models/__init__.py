"""Models: what the chapters train, and what they compare it with."""

from .attention_weights import entropy, query_weights
from .baselines import DenseNet, NoAttention, UniformAttention
from .classifier import Classifier
from .document import Attention
from .patches import patchify
from .pooler import Pooler

__all__ = [
    "Attention",
    "Classifier",
    "DenseNet",
    "NoAttention",
    "Pooler",
    "UniformAttention",
    "entropy",
    "patchify",
    "query_weights",
]
