"""What lets tokens tell each other something: one way to call it."""

from __future__ import annotations

from typing import Any

from ..tensor import TensorLike, raw
from ..validation.attention import check_goes_on
from ..validation.layers import check_tokens
from .cache import KeyValueCache
from .layers import Dense
from .module import Module


class Mixing(Module):
    """Tokens in, as many tokens out, each made of what it takes from others.

    A subclass has a layer `value`, whose input width D is the width of the tokens, and writes
    `mix`. What has this way to be called can stand in a transformer block.
    """

    value: Dense

    def __call__(
        self,
        x: TensorLike,
        context: TensorLike | None = None,
        mask: Any = None,
        causal: bool = False,
        return_weights: bool = False,
        cache: KeyValueCache | None = None,
    ) -> Any:
        """Let the tokens of x take from the tokens of context, or of x itself.

        Parameters
        ----------
        x : (B, N, D)
        context : (B, S, D), optional
        mask : boolean (B, H, N, S), True where a query may attend to a key; as in `attention`
        causal : bool
            No token attends to a later one.
        return_weights : bool
        cache : KeyValueCache, optional
            The tokens of x go on after those that it has read. They attend to all so far, S in all,
            themselves included, and the cache keeps them too. Takes causal=True and `no_grad`.

        Returns
        -------
        Tensor (B, N, D), or a pair of it and the weights (B, H, N, S). A query that may attend to
        no key has weights 0, and takes nothing.

        Raises
        ------
        ValueError, TypeError
            If the shapes do not fit, or the mask is not boolean or does not fit or is ambiguous, or
            a cache comes with a context, without causal=True, or to a layer that keeps no keys.
        GradientError
            If a cache would lose how keys and values were computed.
        """
        for name, tokens in (("x", x), ("context", context)):
            if tokens is not None:
                check_tokens(type(self).__name__, name, raw(tokens).shape, self.model_dim)
        if cache is not None:
            check_goes_on(type(self).__name__, context, causal)
            return self.go_on(cache, x, mask, return_weights)
        return self.mix(x, context, mask, causal, return_weights)

    @property
    def model_dim(self) -> int:
        """D, the width of the tokens."""
        return self.value.weight.shape[0]

    def go_on(self, cache: KeyValueCache, x: Any, mask: Any, return_weights: bool) -> Any:
        """What the call returns with a cache."""
        raise TypeError(f"{type(self).__name__} keeps no keys and values: it takes no cache")

    def mix(self, x: Any, context: Any, mask: Any, causal: bool, return_weights: bool) -> Any:
        """What the call returns. x and context have the right axes; mask is as it was given."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it mixes tokens")
