"""Reading times: what two people looked at, word by word, on twelve pages of text."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from .packing import packed_text


@dataclass(frozen=True)
class Reading:
    """1,307 words on twelve pages, one paragraph each, in reading order.

    Attributes
    ----------
    words : n strings, as printed
    ms : (n, 2) float64, how long each of two people looked at the word, in milliseconds; 0 if never
    answer : (n,) bool, whether the word lies in the span that answers the page's question
    boxes : (n, 4) float64, left, top, right and bottom of the word on the screen, in pixels
    page : (n,) int64, from 0 to 11
    """

    words: tuple[str, ...]
    ms: np.ndarray
    answer: np.ndarray
    boxes: np.ndarray
    page: np.ndarray

    def __len__(self) -> int:
        return len(self.words)


def reading() -> Reading:
    """The twelve pages, and how long each of two readers looked at each word.

    Source: Y. Berzak, J. Malmaud, O. Shubi, Y. Meiri, E. Lion and R. Levy, "OneStop: A
    360-Participant English Eye Tracking Dataset with Different Reading Regimes", 2025; the sample
    that scanpath-studio 0.44.0 ships. Gaze CC BY 4.0, texts CC BY-SA 4.0.
    """
    pages = list(json.loads(packed_text("onestop_sample.json.gz")).values())
    rows = [row for page in pages for row in page]
    numbers = np.array([row[1:] for row in rows], dtype=float)
    return Reading(
        words=tuple(row[0] for row in rows),
        ms=numbers[:, :2],
        answer=numbers[:, 2] > 0,
        boxes=numbers[:, 3:],
        page=np.repeat(np.arange(len(pages)), [len(page) for page in pages]),
    )
