"""Sound as a sequence: frames, what a frame sounds like, frames of unequal number in one batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def frames(signal: np.ndarray, size: int, hop: int) -> np.ndarray:
    """Cut a signal (T,) into frames (n, size): frame i begins at i * hop. Only whole ones count.

    n is 1 + (T - size) // hop. Neighbours overlap where hop is less than size.

    Raises
    ------
    ValueError
        If size or hop is below 1, or the signal is shorter than one frame.
    """
    if size < 1 or hop < 1:
        raise ValueError(f"frames: size and hop are at least 1, not {size} and {hop}")
    if len(signal) < size:
        raise ValueError(f"frames: {len(signal)} samples are less than one frame of {size}")
    return np.lib.stride_tricks.sliding_window_view(signal, size)[::hop].copy()


def log_mel(signal: np.ndarray, rate: int, size: int, hop: int, bands: int) -> np.ndarray:
    """How loud each frame of a signal (T,) is in each band of pitch, (n, bands): in nats.

    The energy of a windowed frame in triangular bands that are equally wide in mel, a scale on
    which equal steps sound about equal: narrow where the ear tells tones apart well, wide above.

    Parameters
    ----------
    rate : samples a second
    size, hop : as in `frames`

    Source: S. Davis and P. Mermelstein, "Comparison of Parametric Representations for Monosyllabic
    Word Recognition in Continuously Spoken Sentences", 1980; mel as 2595 log10(1 + f / 700).
    """
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    f = np.fft.rfftfreq(size, 1 / rate)
    band = np.maximum(0, np.minimum((f - low) / (middle - low), (high - f) / (high - middle)))
    spectrum = np.fft.rfft(frames(signal, size, hop) * np.hanning(size), axis=-1)
    return np.log(np.abs(spectrum) ** 2 @ band.T + 1e-6).astype(np.float32)


def pad_frames(
    utterances: Sequence[np.ndarray], length: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Utterances (T_i, D) in one array (B, T, D), zeros after each, and where they are: (B, T).

    The mask is True where a frame is real. T is the longest T_i, or `length`.

    Raises
    ------
    ValueError
        If an utterance is longer than `length`.
    """
    longest = max(map(len, utterances))
    length = longest if length is None else length
    if longest > length:
        raise ValueError(f"pad_frames: an utterance of {longest} frames does not fit into {length}")
    x = np.zeros((len(utterances), length, utterances[0].shape[1]), np.float32)
    mask = np.zeros(x.shape[:2], bool)
    for i, utterance in enumerate(utterances):
        x[i, : len(utterance)], mask[i, : len(utterance)] = utterance, True
    return x, mask


def insert_burst(
    utterance: np.ndarray, place: int, burst: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Put frames (n, D) before frame `place` of an utterance (T, D).

    Returns
    -------
    The longer utterance (T + n, D), and marks (T + n,), True on the frames that were put in.

    Raises
    ------
    ValueError
        If `place` is not in 0 to T.
    """
    if not 0 <= place <= len(utterance):
        raise ValueError(f"insert_burst: a place from 0 to {len(utterance)}, not {place}")
    marks = np.zeros(len(utterance) + len(burst), bool)
    marks[place : place + len(burst)] = True
    longer = np.concatenate([utterance[:place], burst, utterance[place:]])
    return longer.astype(utterance.dtype), marks
