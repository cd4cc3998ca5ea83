"""The keys and values of the tokens that were read so far."""

from __future__ import annotations

from ..arrays import Array, namespace
from ..tensor import TensorLike, raw
from ..validation.attention import check_cached
from ..validation.gradients import check_not_recorded


class KeyValueCache:
    """What one attention layer needs of the tokens so far, to read on without computing it anew.

    A causal layer gives every token the same key and the same value, whatever follows. So they are
    computed once and kept; a new token brings its own, and asks them all. One cache serves one
    layer and one batch of texts: make a list of them, one for each block, and a new list for each
    text. `len(cache)` is how many tokens were read, and the place of the next one.
    """

    def __init__(self) -> None:
        self.kept: tuple[Array, ...] = ()  # nothing, or keys (B, H, T, d) and values (B, H, T, d_v)

    def __len__(self) -> int:
        """How many tokens were read."""
        return self.kept[0].shape[2] if self.kept else 0

    @property
    def nbytes(self) -> int:
        """How many bytes are kept."""
        return sum(x.nbytes for x in self.kept)

    def append(self, key: TensorLike, value: TensorLike) -> tuple[Array, Array]:
        """Keep the keys (B, H, n, d) and values (B, H, n, d_v) of n new tokens; return all so far.

        Returns
        -------
        The keys (B, H, T, d) and the values (B, H, T, d_v) of all T tokens, as plain arrays.

        Raises
        ------
        ValueError, TypeError
            If key and value are not of the same tokens, or are of another batch, other heads, other
            widths or another dtype than what is kept. Then nothing was kept.
        GradientError
            If they are on record: what is kept would have lost how it was computed.
        """
        check_not_recorded(key, value)
        new = raw(key), raw(value)
        check_cached(*new, *self.kept)
        if self.kept:  # in new arrays: a fork may still hold the old ones
            both = zip(self.kept, new, strict=True)
            new = tuple(namespace(old).concatenate([old, x], axis=2) for old, x in both)
        self.kept = new
        return new

    def fork(self) -> KeyValueCache:
        """Another cache with the same tokens, for another ending: no number is copied."""
        other = KeyValueCache()
        other.kept = self.kept
        return other
