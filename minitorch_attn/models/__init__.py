"""Models: what the chapters train, and what they compare it with."""

from .attention_weights import entropy, query_weights
from .baselines import DenseNet, NoAttention, UniformAttention
from .classifier import Classifier
from .document import Attention
from .frames import FrameClassifier
from .patches import patchify

__all__ = [
    "Attention",
    "Classifier",
    "DenseNet",
    "FrameClassifier",
    "NoAttention",
    "UniformAttention",
    "entropy",
    "patchify",
    "query_weights",
]
