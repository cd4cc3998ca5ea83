"""Models: what the chapters train, and what they compare it with."""

from .attention_weights import entropy, query_weights
from .baselines import DenseNet, NoAttention, UniformAttention
from .boxes import box_iou, generalized_box_iou, match, matched, set_loss, to_corners
from .classifier import Classifier
from .detector import Detector, GridPositions, WindowNet
from .document import Attention
from .frames import FrameClassifier
from .painter import Painter, sample
from .patches import patchify
from .phrasebook import WordTable, nearest_texts
from .pooler import Pooler
from .translator import Translator, greedy_decode

__all__ = [
    "Attention",
    "Classifier",
    "DenseNet",
    "Detector",
    "FrameClassifier",
    "GridPositions",
    "NoAttention",
    "Painter",
    "Pooler",
    "Translator",
    "UniformAttention",
    "WindowNet",
    "WordTable",
    "box_iou",
    "entropy",
    "generalized_box_iou",
    "greedy_decode",
    "match",
    "matched",
    "nearest_texts",
    "patchify",
    "query_weights",
    "sample",
    "set_loss",
    "to_corners",
]
