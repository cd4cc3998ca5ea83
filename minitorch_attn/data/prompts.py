"""Telephone prompts: one woman says the same things in English and in Spanish."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .packing import PACKED
from .vowels import Utterances

RATE, SIZE, HOP, BANDS = 8000, 256, 128, 10  # samples a second; frames of 32 ms, every 16 ms


@dataclass(frozen=True)
class Prompts:
    """Recordings and what was said.

    Attributes
    ----------
    recordings : Utterances
        n recordings, the first two seconds of each: frames (T_i, 10), `log_mel` of 256 samples
        every 128 at 8 kHz. Classes: 0 English, 1 Spanish.
    prompts : (n,) integers
        What is said; every prompt is there twice, once in each language.
    names : of the prompts
    waves : of one prompt, in English and in Spanish: (T,) float32, 8,000 samples a second
    shown : which prompt that is
    """

    recordings: Utterances
    prompts: np.ndarray
    names: tuple[str, ...]
    waves: tuple[np.ndarray, np.ndarray]
    shown: int


def prompts() -> Prompts:
    """480 prompts of a telephone exchange, in two languages, by one voice.

    The silences of the two languages differ, as those of two recording sessions do: good for
    learning what a confounder is, and no evidence that anything hears a language.

    Source: Asterisk core sounds 1.6.1, Debian's packages asterisk-core-sounds-en-wav and -es-wav;
    voice Allison Smith, © 2003 to 2010, CC BY-SA 3.0.
    """
    with np.load(PACKED / "prompts.npz") as file:
        levels = file["log_mel"].astype(np.float32) / 5 - 14
        ends = np.cumsum(file["lengths"].astype(int))
        names = tuple(str(file["names"]).split("\n"))
        waves = tuple(file[f"wave_{name}"] / np.float32(2**15) for name in ("en", "es"))
        language, said = file["language"].astype(int), file["prompt"].astype(int)
        shown = int(file["shown"])
    recordings = Utterances(tuple(np.split(levels, ends[:-1])), language, 2)
    return Prompts(recordings, said, names, (waves[0], waves[1]), shown)
