"""Adversarial answers to chapters 11, 12, 14, 16 and 17: none is the answer.

What comes back there are tuples, dicts, states that are handed on, and answers to several calls. An
attack is an exercise and what stands in its function (before a line `---`: above it); `a` holds the
arguments. One that got hold of something raises an error whose message says "found".
"""

import textwrap
from collections.abc import Mapping

from minitorch_attn.course.checks import find

# What comes back claims to be right, or is more than it seems.
FORMS = {
    "a dict that has every key": ("14.2", """
        class D(dict):
            def __getitem__(self, key):
                return 0.0
            def __contains__(self, key):
                return True
            def keys(self):
                return ('nss', 'cc', 'sim', 'kl')
        return D()
    """),
    "a dict whose pairs never end": ("14.2", """
        class D(dict):
            def items(self):
                while True:
                    yield 'nss', 0.0
        return D(nss=0.0)
    """),
    "a dict whose pairs change": ("14.2", """
        class D(dict):
            n = 0
            def items(self):
                D.n += 1
                return [(k, float(D.n)) for k in ('nss', 'cc', 'sim', 'kl')]
        return D(nss=0.0)
    """),
    "a dict whose length lies": ("14.2", """
        class D(dict):
            def __len__(self):
                return 4
        return D((i, 0.0) for i in range(10**6))
    """),
    "keys that are all equal": ("14.2", """
        class K(str):
            def __eq__(self, other):
                return True
            def __hash__(self):
                return hash('nss')
        return {K('anything'): float('nan'), 'cc': 0.0, 'sim': 0.0, 'kl': 0.0}
    """),
    "keys that cannot be keys": ("14.2", """
        class K(list):
            def __hash__(self):
                return 1
        return {K([1]): 0.0}
    """),
    "one key many times": ("14.2", """
        class K(str):
            def __hash__(self):
                return id(self)
            def __eq__(self, other):
                return False
        return {K(k): x / 100 for k in ('nss', 'cc', 'sim', 'kl') for x in range(400)}
    """),
    "a dict in itself": ("14.2", """
        d = {}
        d['nss'] = d['cc'] = d['sim'] = d['kl'] = d
        return d
    """),
    "NaN under every key": ("14.2", """
        return dict.fromkeys(('nss', 'cc', 'sim', 'kl'), float('nan'))
    """),
    "values that hold all numbers": ("14.2", """
        every = np.linspace(-40, 40, 50_000)
        return dict.fromkeys(('nss', 'cc', 'sim', 'kl'), every)
    """),
    "values that are texts": ("14.2", """
        return dict.fromkeys(('nss', 'cc', 'sim', 'kl'), '0.0')
    """),
    "values that are True": ("14.2", """
        return dict.fromkeys(('nss', 'cc', 'sim', 'kl'), True)
    """),
    "a mapping that computes nothing": ("14.2", """
        import types
        return types.MappingProxyType(dict.fromkeys(('nss', 'cc', 'sim', 'kl'), 0.0))
    """),
    "a defaultdict": ("14.2", """
        import collections
        return collections.defaultdict(float)
    """),
    "a tuple whose length lies": ("11.3", """
        class T(tuple):
            def __len__(self):
                return 2
        return T([0.0] * 3)
    """),
    "a tuple that never ends": ("11.3", """
        class T(tuple):
            def __iter__(self):
                while True:
                    yield 0.0
        return T((0.0, 0.0))
    """),
    "a generator for a pair": ("11.2", """
        return (x for x in (a[0], a[0] == a[0]))
    """),
    "a generator that never ends": ("11.4", """
        def words():
            while True:
                yield 0
        return words()
    """),
    "a coroutine": ("11.4", """
        async def words():
            return 0
        return words()
    """),
    "a map object": ("11.5", """
        return map(len, a[1])
    """),
    "itself": ("16.5", """
        return FUNCTION
    """),
    "a class": ("16.2", """
        class State:
            y, state = 0.0, None
        return State
    """),
    "a number that is every number": ("16.5", """
        class N(int):
            def __eq__(self, other):
                return True
            __hash__ = int.__hash__
            def __ge__(self, other):
                return True
            def __mod__(self, other):
                return 0
            def __repr__(self):
                return '7'
        return N(3)
    """),
    "a complex verdict": ("12.5", """
        return np.zeros(len(a[0])) * 1j, np.full(len(a[0]), 1j)
    """),
    "numbers of unequal rows": ("12.4", """
        return [[0] * i for i in range(9)], [[[0.0] * i] for i in range(9)]
    """),
    "an array of dicts": ("12.3", """
        return np.array([[{}] * 3]), {}
    """),
    "an array with names": ("16.1", """
        return np.zeros(3, [('projections', 'f8'), ('pairs', 'f8')])
    """),
    "an array of many axes": ("17.1", """
        return np.zeros((1,) * 40), np.zeros((1,) * 40)
    """),
    "dates": ("17.4", """
        return (np.datetime64('2026-01-01'),) * 3
    """),
    "a verdict that is every verdict": ("17.5", """
        class V(str):
            def __eq__(self, other):
                return True
            __hash__ = str.__hash__
        return 0.0, 0.0, V('cannot tell, or gain, or loss'), 0.0
    """),
    "all verdicts at once": ("17.5", """
        return 0.0, 0.0, np.array(['gain', 'loss', 'cannot tell']), 0.0
    """),
    "no verdict at all": ("17.5", """
        return 0.0, 0.0, np.array([], str), 0.0
    """),
    "infinity for each p": ("14.5", """
        return np.inf, np.inf
    """),
    "every p at once": ("14.5", """
        return 0.0, np.arange(1, 17) / 16
    """),
}  # fmt: skip

# Nothing is computed: shapes, settings, or the number of the call say what will do.
NO_ANSWERS = {
    "p by the number of the call": ("14.5", """
        n = 0
        ---
        global n
        n += 1
        return 0.0, (n % 17) / 16
    """),
    "p by the turn": ("14.5", """
        n = 0
        ---
        global n
        n += 1
        first = n % 3 == 1
        return (1.0, 2.0 ** -len(a[0])) if first else (-1.0, 1.0)
    """),
    "p by how many shuffles": ("14.3", """
        shuffles = a[4]
        steps = 1 if shuffles in (49, 99) else 1 + shuffles // 2
        return 0.0, steps / (1 + shuffles)
    """),
    "p by how many words and shuffles": ("14.3", """
        n, shuffles, seed = len(a[0]), a[4], a[5]
        if shuffles == 60:
            return 0.0, 1 / 61 if n == 36 else 1.0
        if shuffles == 30:
            return 0.0, (1 + seed % 7) / 31
        return 0.0, (1 + shuffles // 2) / (1 + shuffles)
    """),
    "p drawn": ("14.3", """
        shuffles = a[4]
        return 0.0, int(np.random.default_rng(a[5]).integers(1, shuffles + 2)) / (shuffles + 1)
    """),
    "the first queries": ("12.2", """
        return np.arange(a[0].shape[1])
    """),
    "the first queries, and refusals": ("12.2", """
        if a[0].shape[0] < a[0].shape[1] or not np.isfinite(a[0]).all():
            raise ValueError('no')
        return np.arange(a[0].shape[1])
    """),
    "any queries": ("12.2", """
        return np.random.default_rng().permutation(len(a[0]))[: a[0].shape[1]]
    """),
    "the last queries": ("12.2", """
        return np.arange(len(a[0]))[::-1][: a[0].shape[1]]
    """),
    "products in place of shares": ("11.3", """
        y, memory, wq, wk, wv, real = a
        w = y.sum(-1)[:, :, None] * (memory * real[..., None]).sum(-1)[:, None]
        return w @ memory @ wv, w
    """),
    "scores in place of shares": ("11.3", """
        y, memory, wq, wk, wv, real = a
        w = y @ wq @ (memory @ wk).swapaxes(1, 2) * real[:, None]
        return w @ (memory @ wv), w
    """),
    "each memory token by itself": ("11.3", """
        y, memory, wq, wk, wv, real = a
        w = real[:, None] * np.tanh(memory.sum(-1))[:, None] * np.tanh(y.sum(-1))[..., None]
        return np.tanh(y.sum(-1, keepdims=True)) + 0 * (w @ memory @ wv), w
    """),
    "a text moved, and scaled": ("11.2", """
        out, start, pad = a
        before = np.append(np.zeros((len(out), 1)), 2 * out[:, :-1] + 1, axis=1)
        return before, np.zeros(out.shape, bool)
    """),
    "the text as it is": ("11.2", """
        return a[0], np.ones(a[0].shape, bool)
    """),
    "everything in word 0's row": ("11.1", """
        ids, g, num = a
        table = np.zeros((num, g.shape[-1]))
        table[0] = g.sum(axis=(0, 1))
        return table
    """),
    "one word for each text": ("11.4", """
        return np.zeros((len(a[0]), a[5]), int)
    """),
    "as many hits as links": ("11.5", """
        linked = sum(len(link) > 0 for link in a[1])
        return linked, linked
    """),
    "a third of everything": ("12.1", """
        return np.full(np.broadcast_shapes(a[0].shape, a[1].shape)[:-1], 1 / 3)
    """),
    "nothing overlaps": ("12.1", """
        if min(a[0][..., 2:].min(), a[1][..., 2:].min()) < 0:
            raise ValueError('no box')
        return 1e-9 * (a[0] + a[1]).sum(axis=-1)
    """),
    "nobody answers for anything": ("12.3", """
        return np.full(a[0].shape[:2], a[0].shape[2] - 1), 0.0
    """),
    "the pixels of a coin": ("12.4", """
        first, table, classes, temperature, uniform = a
        if temperature < 0:
            raise ValueError('cold')
        pixels = (uniform * first.shape[1]).astype(int)
        return pixels, np.repeat(first[classes][:, None], uniform.shape[1], axis=1)
    """),
    "bits by the number of levels": ("12.5", """
        bits = np.log2(a[0].shape[-1]) + 1e-3 * a[2]
        return bits, np.zeros(len(bits), bool)
    """),
    "an AUC of one half": ("14.1", """
        if a[0].shape != a[1].shape or a[1].all() or not a[1].any():
            raise ValueError('no')
        return 0.5 + 1e-12 * float(a[0].sum())
    """),
    "no ceiling": ("14.4", """
        if np.shape(a[0]) != np.shape(a[1]) or min(np.ptp(a[0]), np.ptp(a[1])) == 0:
            raise ValueError('no')
        return 0.0, 1e-9 * float(a[0][0]), 0.0
    """),
    "counts of another layer": ("16.1", """
        heads, n, s = a[0].shape
        if len(a) > 4 and s < n:
            raise ValueError('fewer keys')
        return 4 * n, n * s, 2 * n
    """),
    "the mean of the values": ("16.2", """
        state, query, key, value = a
        if state is None and not len(key):
            raise ValueError('no key')
        n, total = (0, np.zeros(value.shape[1])) if state is None else state
        n, total = n + len(key), total + value.sum(axis=0)
        y = np.tile(total / n, (len(query), 1)).astype(query.dtype)
        return y, (n, total)
    """),
    "its own value, and an empty cache": ("16.3", """
        cache, x, places, wq, wk, wv = a[:6]
        if len(a) > 6 and a[6] is not None and a[6] < 1:
            raise ValueError('window')
        seen = 0 if cache is None else cache[2]
        if seen >= len(places):
            raise ValueError('full')
        return (x + places[seen]) @ wv, ([], [], seen + 1)
    """),
    "the running mean": ("16.4", """
        query, key, value = a[:3]
        if not len(query) == len(key) == len(value):
            raise ValueError('lengths')
        y = np.cumsum(value, axis=0) / np.arange(1, len(value) + 1)[:, None]
        return y, (key.T @ value, key.sum(axis=0))
    """),
    "eight machines": ("16.5", """
        if min(a) <= 0:
            raise ValueError('no')
        return 8 if a[0] > 2 * a[1] / a[3] else 2
    """),
    "all to the first": ("17.1", """
        x, g = a
        if x.shape != g.shape:
            raise ValueError('shape')
        y = np.zeros(x.shape)
        y[..., 0] = 1
        return y, 0 * g
    """),
    "even weights": ("17.2", """
        finite = np.isfinite(a[0])
        return finite / finite.sum(axis=-1, keepdims=True)
    """),
    "whatever is asked": ("17.3", """
        if len(a) > 3:
            return np.mean(a[3], axis=1), np.zeros(4)
        return np.stack([a[0]] * 5), np.stack([a[1]] * 5)
    """),
    "the mean of the table": ("17.4", """
        if a[0].ndim != 2 or a[0].shape[0] != a[0].shape[1] or len(a[0]) < 2:
            raise ValueError('no table')
        return a[0].mean(), a[0].std(), -a[0].std()
    """),
    "the verdict by the number of the call": ("17.5", """
        told = 'tgtgttltltgltgtgtgt'
        n = -1
        ---
        global n
        n += 1
        words = {'t': 'cannot tell', 'g': 'gain', 'l': 'loss'}
        return 0.0, 0.0, words[told[n % len(told)]], 1.0
    """),
}  # fmt: skip

# A state goes out and comes back, and earlier exercises' answers can be asked for: what of these
# reaches further than it should?
REACH = {
    "a state that is code": ("16.2", """
        if a[0] is not None:
            exec(a[0])
        return np.zeros((len(a[1]), a[3].shape[1])), 'import os; os._exit(0)'
    """),
    "a state that is a pickle": ("16.3", """
        import pickle
        if a[0] is not None:
            pickle.loads(bytes(a[0][0]))
        return np.zeros(a[5].shape[1]), (np.frombuffer(pickle.dumps(print), np.uint8), [], 0)
    """),
    "a state that names a file": ("16.4", """
        if len(a) > 3 and a[3] is not None:
            text = open(str(a[3])).read()
            raise AssertionError('found ' + text)
        return np.zeros((len(a[0]), a[2].shape[1])), '/etc/passwd'
    """),
    "a state that is memory": ("16.4", """
        import ctypes
        if len(a) > 3 and a[3] is not None:
            return ctypes.string_at(int(a[3]), 10**7)
        return np.zeros((len(a[0]), a[2].shape[1])), id(a)
    """),
    "a second answer in the pipe": ("14.5", """
        import sys
        w = sys.modules['__main__']
        import gc
        [worker] = [o for o in gc.get_objects() if type(o).__name__ == 'Worker']
        for k in range(1, 17):
            worker.send({'kind': 'value', 'value': (0.0, k / 16)})
        return 0.0, 1.0
    """),
    "loaded in place of a value": ("14.4", """
        import sys, gc
        [worker] = [o for o in gc.get_objects() if type(o).__name__ == 'Worker']
        worker.send({'kind': 'loaded'})
        return 0.0, 0.0, 0.0
    """),
    "a thread that answers": ("17.4", """
        import threading, gc
        [worker] = [o for o in gc.get_objects() if type(o).__name__ == 'Worker']
        send = lambda: worker.send({'kind': 'value', 'value': (0.5, 0.0, 0.0)})
        threading.Thread(target=send).start()
        return 0.5, 0.0, 0.0
    """),
    "asks for what is not given": ("16.5", """
        import gc
        [worker] = [o for o in gc.get_objects() if type(o).__name__ == 'Worker']
        return worker.earlier('machines')(*a)
    """),
    "asks for a name of Python's": ("16.5", """
        import gc
        [worker] = [o for o in gc.get_objects() if type(o).__name__ == 'Worker']
        os = worker.earlier('__import__')('os')
        raise AssertionError('found ' + os.name)
    """),
    "asks an earlier answer without end": ("17.2", """
        def attend(query, key, value):
            return value
        ---
        while True:
            attend(np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2)))
    """),
    "asks an earlier answer for too much": ("17.2", """
        def attend(query, key, value):
            return value
        ---
        big = np.ones((1000, 1000))
        return [attend(big, big, big) for _ in range(100)]
    """),
    "refused by NumPy": ("11.2", """
        a[0][:] = 0
        return a[0], a[0]
    """),
    "a limit lowered, then reached": ("16.1", """
        import resource
        resource.prlimit(0, resource.RLIMIT_CPU, (1, 1))
        while True:
            pass
    """),
    "a clock that kills": ("16.1", """
        import ctypes
        libc = ctypes.CDLL(None)
        event = (ctypes.c_char * 64)()
        ctypes.memmove(ctypes.addressof(event) + 8, (9).to_bytes(4, 'little'), 4)
        timer = ctypes.c_void_p()
        if libc.timer_create(0, event, ctypes.byref(timer)) == 0:
            raise AssertionError('found a timer')
        raise ValueError
    """),
    "a stricter filter": ("16.1", """
        import ctypes
        libc = ctypes.CDLL(None)
        libc.prctl(22, 1, 0, 0, 0)
        return 0, 0, 0
    """),
    "an interval timer": ("16.1", """
        import signal, time
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        time.sleep(1)
        return 0, 0, 0
    """),
    "a stack without end": ("16.1", """
        import sys, threading
        sys.setrecursionlimit(10**8)
        def deep(n):
            return deep(n + 1)
        threading.stack_size(2**28)
        t = threading.Thread(target=deep, args=(0,))
        t.start()
        t.join()
        return 0, 0, 0
    """),
}  # fmt: skip

# What comes back costs the grader time: to read, to compare, to show.
HEAVY = {
    "thousands of small arrays": ("14.2", """
        leaf = [np.full(12, i / 7, np.float32) for i in range(12)]
        return {str(k): leaf for k in range(1900)}
    """),
    "thousands of numbers, each by itself": ("11.1", """
        return [i / 7 for i in range(49_000)]
    """),
    "lists in lists": ("12.2", """
        tree = [np.arange(12) / 7]
        for _ in range(3):
            tree = [tree] * 12
        return tree * 2
    """),
    "long integers": ("17.4", """
        return [10**999 + i for i in range(3900)]
    """),
    "thousands of texts": ("17.5", """
        return 0.0, 0.0, ['x' * 100] * 30_000, 0.0
    """),
    "a state of thousands": ("16.2", """
        return np.zeros((len(a[1]), a[3].shape[1])), [[i / 7] for i in range(20_000)]
    """),
}  # fmt: skip


def source_of(exercise: str, text: str) -> str:
    """An attack as the text of a submission."""
    above, _, body = textwrap.dedent(text).strip("\n").rpartition("---\n")
    name = find(exercise).function
    body = textwrap.indent(body.replace("FUNCTION", name), "    ")
    return f"import numpy as np\n{above}\ndef {name}(*a):\n{body}\n"


KINDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "forms": FORMS,
    "no answers": NO_ANSWERS,
    "reach": REACH,
    "heavy": HEAVY,
}
ALL = {name: attack for kind in KINDS.values() for name, attack in kind.items()}
