"""A book in code: attention from scratch, in NumPy, with CuPy as a drop-in."""

from . import ops
from .arrays import DeviceError, namespace
from .backward import GradientError, grad
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .ops import *  # noqa: F403
from .tensor import Op, Tensor, debug, no_grad, op

__version__ = "0.1.0"

__all__ = [
    "DeviceError",
    "GradcheckError",
    "GradientError",
    "Op",
    "Tensor",
    "debug",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "namespace",
    "no_grad",
    "op",
    *ops.__all__,
]
