"""A book in code: attention from scratch, in NumPy, with CuPy as a drop-in."""

from . import current_folder  # before all others: it says where they may come from

# isort: split
from inspect import ismodule as _ismodule

from .arrays import DeviceError, namespace
from .backward import GradientError, grad
from .debugging import debug
from .errors import MinitorchError
from .fast.checkpoint import checkpoint
from .fast.heads import packed_attention
from .forms import plain
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .ops import *  # noqa: F403
from .ops.op import Op, op
from .tensor import Tensor, no_grad

__version__ = "0.1.0"

__all__ = [n for n, x in vars().items() if not (n.startswith("_") or _ismodule(x))]
