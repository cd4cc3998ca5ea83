"""Models: what the chapters train, and what they compare it with."""

from .attention_weights import entropy, query_weights
from .baselines import DenseNet, NoAttention, UniformAttention
from .classifier import Classifier
from .document import Attention
from .frames import FrameClassifier
from .patches import patchify
from .phrasebook import WordTable, nearest_texts
from .translator import Translator, greedy_decode

__all__ = [
    "Attention",
    "Classifier",
    "DenseNet",
    "FrameClassifier",
    "NoAttention",
    "Translator",
    "UniformAttention",
    "WordTable",
    "entropy",
    "greedy_decode",
    "nearest_texts",
    "patchify",
    "query_weights",
]
