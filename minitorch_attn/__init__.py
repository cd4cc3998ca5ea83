"""A book in code: attention from scratch, in NumPy, with CuPy as a drop-in."""

from . import ops
from .arrays import DeviceError, namespace
from .backward import GradientError, grad
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .ops import *  # noqa: F403
from .ops.op import Op, op
from .tensor import Tensor, debug, no_grad

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
