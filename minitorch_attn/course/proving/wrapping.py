"""Wrap an answer so that it stands, or answers, in another form that is as right."""

from __future__ import annotations

IMPORTS = '''
import copy as _copy, functools as _functools, sys as _sys
import numpy as _numpy


def _leaves(change, tree):
    """The tree with each array and number changed."""
    if isinstance(tree, (list, tuple)):
        return type(tree)([_leaves(change, item) for item in tree])
    if isinstance(tree, dict):
        return {key: _leaves(change, item) for key, item in tree.items()}
    return tree if tree is None or isinstance(tree, (str, bool)) else change(tree)

'''

# By what changes. NAME is the answer's name; `_answer` is the answer itself.
WRAPPED = {
    "a helper does the work": """

def NAME(*args, **kwargs):
    return _answer(*args, **kwargs)
""",
    "a lambda": """

NAME = lambda *args, **kwargs: _answer(*args, **kwargs)
""",
    "functools.partial": """

NAME = _functools.partial(_answer)
""",
    "an object that is called": """

class _Callable:
    def __call__(self, *args, **kwargs):
        return _answer(*args, **kwargs)

NAME = _Callable()
""",
    "decorated": """

def _noted(function):
    @_functools.wraps(function)
    def wrapped(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapped

@_noted
def NAME(*args, **kwargs):
    return _answer(*args, **kwargs)
""",
    "prints as it goes": """

def NAME(*args, **kwargs):
    print("called with", len(args))
    print("debugging", file=_sys.stderr)
    return _answer(*args, **kwargs)
""",
    "inputs copied first": """

def NAME(*args, **kwargs):
    return _answer(*_copy.deepcopy(args), **_copy.deepcopy(kwargs))
""",
    "inputs changed in place after use": """

def NAME(*args, **kwargs):
    result = _copy.deepcopy(_answer(*args, **kwargs))
    for value in args:
        # What the card says must be left alone comes read-only.
        if isinstance(value, _numpy.ndarray) and value.dtype.kind in "fc" and value.flags.writeable:
            value *= 3
    return result
""",
    "lists for tuples": """

def NAME(*args, **kwargs):
    result = _answer(*args, **kwargs)
    return list(result) if isinstance(result, tuple) else result
""",
    "tuples for lists": """

def NAME(*args, **kwargs):
    result = _answer(*args, **kwargs)
    return tuple(result) if isinstance(result, list) else result
""",
    "arrays in Fortran's order": """

def NAME(*args, **kwargs):
    turn = lambda x: _numpy.asfortranarray(x) if _numpy.ndim(x) > 1 else x
    return _leaves(turn, _answer(*args, **kwargs))
""",
    "arrays that cannot be written": """

def NAME(*args, **kwargs):
    def locked(x):
        if isinstance(x, _numpy.ndarray):
            x = x.copy()
            x.flags.writeable = False
        return x
    return _leaves(locked, _answer(*args, **kwargs))
""",
    "views with gaps": """

def NAME(*args, **kwargs):
    gaps = lambda x: _numpy.repeat(x, 2, axis=-1)[..., ::2] if _numpy.ndim(x) else x
    return _leaves(gaps, _answer(*args, **kwargs))
""",
    "numbers of Python": """

def NAME(*args, **kwargs):
    bare = lambda x: x.item() if getattr(x, "ndim", 1) == 0 else x
    return _leaves(bare, _answer(*args, **kwargs))
""",
    "numbers of NumPy": """

def NAME(*args, **kwargs):
    return _leaves(lambda x: _numpy.asarray(x)[()], _answer(*args, **kwargs))
""",
    "arrays without axes": """

def NAME(*args, **kwargs):
    return _leaves(_numpy.asarray, _answer(*args, **kwargs))
""",
}
