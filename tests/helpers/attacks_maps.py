"""Adversarial answers to chapters 13 and 15, and answers to any chapter that go by their calls.

They are written as those in `attacks_later`. `CHEATS` does some of the work honestly and cheats for
the rest: each names the check that it is after, as `exercise: check`.
"""

from collections.abc import Mapping

# What comes back claims to be right, or is more than it seems.
FORMS = {
    "an array that agrees with all": ("13.1", """
        class A(np.ndarray):
            def __array_function__(self, function, *rest):
                return True if function in (np.allclose, np.isclose) else np.zeros(1)
            def __array_ufunc__(self, *rest, **more):
                return np.True_
            shape = property(lambda self: (1 + (len(a[0]) - a[1]) // a[2], a[1]))
        return np.zeros((1, 1)).view(A)
    """),
    "a masked array that is all mask": ("13.1", """
        n = 1 + (len(a[0]) - a[1]) // a[2]
        return np.ma.masked_all((n, a[1]))
    """),
    "memory that nobody has written": ("13.1", """
        return np.empty((1 + (len(a[0]) - a[1]) // a[2], a[1]))
    """),
    "strides beyond the signal": ("13.1", """
        n = 1 + (len(a[0]) - a[1]) // a[2]
        return np.lib.stride_tricks.as_strided(a[0], (n, a[1]), (0, 8 * 10**5))
    """),
    "an array of another layout": ("13.1", """
        signal, size, hop = a
        n = 1 + (len(signal) - size) // hop
        return np.resize(signal, (size, n)).T
    """),
    "the signal, changed after it was returned": ("13.1", """
        import threading, time
        out = np.zeros((1 + (len(a[0]) - a[1]) // a[2], a[1]))
        threading.Thread(target=lambda: (time.sleep(0.01), out.fill(1.0))).start()
        return out
    """),
    "an object with a buffer": ("13.2", """
        import array
        return array.array('d', [0.0] * a[0].shape[2]), array.array('d', [0.0])
    """),
    "an array interface": ("13.2", """
        class A:
            __array_interface__ = {'shape': a[0].shape[:2], 'typestr': '<f8', 'version': 3,
                                   'data': np.zeros(a[0].shape[:2]).tobytes()}
        return A(), A()
    """),
    "weights that are NaN": ("13.2", """
        return np.full((len(a[0]), a[0].shape[2]), np.nan), np.full(a[0].shape[:2], np.nan)
    """),
    "weights with an imaginary part": ("13.2", """
        real = np.arange(a[0].shape[1]) < a[2][:, None]
        w = real / np.maximum(real.sum(1, keepdims=True), 1) + 1j * real
        return np.einsum('bt,btd->bd', w, np.nan_to_num(a[0])), w
    """),
    "infinite weights": ("13.2", """
        return a[0][:, 0] * np.inf, np.where(np.arange(a[0].shape[1]) < a[2][:, None], np.inf, 0)
    """),
    "a tuple that is longer than it is": ("13.2", """
        class T(tuple):
            def __len__(self):
                return 2
            def __iter__(self):
                return iter([np.zeros((len(a[0]), a[0].shape[2])), np.zeros(a[0].shape[:2])] * 9)
        return T()
    """),
    "a tensor that has no data yet": ("13.2", """
        class Tensor:
            requires_grad = False
            @property
            def data(self):
                raise NotImplementedError
        return Tensor(), Tensor()
    """),
    "a dict that makes what is asked": ("13.3", """
        class D(dict):
            def __missing__(self, key):
                return []
            def __iter__(self):
                return iter(('batch', 'alone', 'padded'))
        return D()
    """),
    "alone, as many as anybody asks": ("13.3", """
        class L(list):
            def __len__(self):
                return len(a[0])
            def __getitem__(self, i):
                return a[0][i][None], np.ones((1, len(a[0][i])), bool)
        return {'batch': (), 'alone': L(), 'padded': ()}
    """),
    "a mask that inverts itself": ("13.3", """
        class M(np.ndarray):
            def __invert__(self):
                return self
            def __and__(self, other):
                return other
        mask = np.ones((len(a[0]), 1), bool).view(M)
        pair = np.zeros((len(a[0]), 1, a[0][0].shape[1])), mask
        return {'batch': pair, 'alone': [pair] * len(a[0]), 'padded': pair}
    """),
    "one pair, three times": ("13.3", """
        longest = max(map(len, a[0]))
        x = np.zeros((len(a[0]), longest, a[0][0].shape[1]))
        pair = x, np.ones(x.shape[:2], bool)
        return {'batch': pair, 'alone': [pair] * len(a[0]), 'padded': pair}
    """),
    "numbers that are near to all": ("13.4", """
        class N(float):
            def __sub__(self, other):
                return 0.0
            __rsub__ = __sub__
            def __eq__(self, other):
                return True
            def __float__(self):
                return 0.5
            __hash__ = float.__hash__
        return N(0.25), N(0.25)
    """),
    "every share at once": ("13.4", """
        return np.linspace(0, 1, 1000), np.linspace(0, 1, 1000)
    """),
    "an interval": ("13.4", """
        return slice(0, 1), slice(0, 1)
    """),
    "a margin for nobody": ("13.5", """
        return np.zeros(0), 1.0
    """),
    "margins without an end": ("13.5", """
        import itertools
        return itertools.repeat(0.0), 1.0
    """),
    "an identity that is no array": ("15.1", """
        class Eye:
            def __matmul__(self, other):
                return other
            __rmatmul__ = __matmul__
            def __array__(self, *rest, **more):
                raise SystemExit(0)
        return Eye()
    """),
    "weights as texts": ("15.1", """
        return np.full((len(a[0][0]),) + a[0][0].shape[2:], '0.25')
    """),
    "numbers that are none": ("15.2", """
        return np.full(a[0].shape, None)
    """),
    "differences of time": ("15.2", """
        return np.zeros(a[0].shape, 'm8[s]')
    """),
    "longer numbers": ("15.2", """
        return np.full(a[0].shape, np.nan, np.longdouble)
    """),
    "the same weights, a little moved": ("15.3", """
        w = a[0] + 1e-9 * np.resize([1, -1], len(a[0]))
        if len(w) != len(a[1]) or (a[0] <= 0).any():
            raise ValueError('no')
        return w
    """),
    "weights that are NaN, to be other ones": ("15.3", """
        return np.where(np.arange(len(a[0])) == 0, np.nan, a[0])
    """),
    "other weights, with an imaginary part": ("15.3", """
        return a[0] + 1j * np.resize([0.1, -0.1], len(a[0]))
    """),
    "bools for weights": ("15.3", """
        return np.arange(len(a[0])) == a[0].argmax()
    """),
    "four answers, each of them all": ("15.4", """
        class E(tuple):
            def __getitem__(self, i):
                return self
            def __eq__(self, other):
                return True
            __hash__ = tuple.__hash__
            shape = (len(a[0]),)
        return E((E(), E(), E(), E()))
    """),
    "both verdicts": ("15.5", """
        class B:
            def __bool__(self):
                return True
            def __eq__(self, other):
                return True
        return B(), B()
    """),
    "a verdict that changes": ("15.5", """
        class B(int):
            n = 0
            def __bool__(self):
                B.n += 1
                return B.n % 2 == 0
        return B(1), B(1)
    """),
    "verdicts that are NaN": ("15.5", """
        return np.nan, np.nan
    """),
    "a verdict for each token": ("15.5", """
        return np.ones((2, 2), bool)
    """),
}  # fmt: skip

# Utterances filled up to one length, and which frames are real.
_PAD = """\
        def pad(rows, length, number):
            x = np.full((len(rows), length, rows[0].shape[1]), float(number))
            mask = np.zeros(x.shape[:2], bool)
            for i, row in enumerate(rows):
                x[i, : len(row)], mask[i, : len(row)] = row, True
            return x, mask
"""
# Nothing is computed: shapes, what inputs give away, or the number of the call say what will do.
NO_ANSWERS = {
    "zeros, and refusals": ("13.1", """
        signal, size, hop = a
        if size < 1 or hop < 1 or len(signal) < size:
            raise ValueError('no')
        return np.zeros((1 + (len(signal) - size) // hop, size))
    """),
    "even weights, and refusals": ("13.2", """
        x, query, lengths = a
        if lengths.shape != x.shape[:1] or lengths.min() < 0 or lengths.max() > x.shape[1]:
            raise ValueError('no')
        real = np.arange(x.shape[1]) < lengths[:, None]
        w = real / np.maximum(real.sum(1, keepdims=True), 1)
        return np.einsum('bt,btd->bd', w, np.where(real[..., None], x, 0)), w
    """),
    "all weight on the first frame": ("13.2", """
        x, query, lengths = a
        w = (np.arange(x.shape[1]) == 0) * (lengths[:, None] > 0) * 1.0
        return x[:, 0] * (lengths[:, None] > 0), w
    """),
    "frames of nobody": ("13.3", """
        utterances, extra, fill = a
        rng = np.random.default_rng(0)
        own = [rng.normal(size=(i % 3 + 1, utterances[0].shape[1])) for i in range(len(utterances))]
""" + _PAD + """\
        return {'batch': pad(own, 3, 0), 'alone': [pad([u], len(u), 0) for u in own],
                'padded': pad(own, 3 + extra, fill)}
    """),
    "frames of nobody, in mixed order": ("13.3", """
        utterances, extra, fill = a
        own = [u[::-1].copy() + 1 for u in utterances]
""" + _PAD + """\
        t = max(map(len, own))
        return {'batch': pad(own, t, 0), 'alone': [pad([u], len(u), 0) for u in own],
                'padded': pad(own, t + extra, fill)}
    """),
    "the share of what is marked, twice": ("13.4", """
        if not a[2].any():
            raise ValueError('no')
        share = (a[1] & a[2]).mean()
        return share, share
    """),
    "accuracy by luck": ("13.5", """
        frames, lengths, prompts, languages, held, k = a
        out = np.isin(prompts, held)
        if k < 1 or not out.any() or set(languages[~out].tolist()) != {0, 1}:
            raise ValueError('no')
        return frames[out, 0].mean(axis=1), 0.5
    """),
    "margins from the labels": ("13.5", """
        frames, lengths, prompts, languages, held, k = a
        out = np.isin(prompts, held)
        return 2.0 * languages[out] - 1, 1.0
    """),
    "nothing moves": ("15.1", """
        w = a[0]
        if not w or len({x.shape[::3] for x in w} | {x.shape[:3:2] for x in w}) > 1:
            raise ValueError('no')
        if max(abs(x.sum(-1) - 1).max() for x in w) > 0.001:
            raise ValueError('rows')
        return np.broadcast_to(np.eye(w[0].shape[-1]), w[0][:, 0].shape)
    """),
    "a quarter wherever anything is": ("15.1", """
        w = a[0]
        n = w[0].shape[-1]
        return np.where(np.eye(n) > 0, 1.0, 0.25) * np.ones((len(w[0]), 1, 1))
    """),
    "no token counts": ("15.2", """
        if (a[3].sum(axis=1) < 2).any():
            raise ValueError('no')
        return np.where(a[3], 1e-9 * a[0], 0)
    """),
    "weights in the place of falls": ("15.2", """
        scores, values, head, real = a
        if (real.sum(axis=1) < 2).any():
            raise ValueError('no')
        e = np.where(real, np.exp(scores - scores.max(axis=1, keepdims=True)), 0)
        return e / e.sum(axis=1, keepdims=True)
    """),
    "all weight on one token": ("15.3", """
        w, v = a
        if len(w) != len(v) or w.min() <= 0 or abs(w.sum() - 1) > 1e-6 or len(v) <= len(v[0]) + 1:
            raise ValueError('no')
        return np.eye(len(w))[w.argmax()]
    """),
    "as it came, or refused": ("15.3", """
        w, v = a
        if len(w) != len(v) or w.min() <= 0 or abs(w.sum() - 1) > 1e-6 or len(v) <= len(v[0]) + 1:
            raise ValueError('no')
        return w
    """),
    "nothing is moved": ("15.4", """
        for rows in a:
            if abs(rows.sum(-1) - 1).max() > 0.001:
                raise ValueError('no')
        n = len(a[0])
        return np.zeros(n), np.full(n, np.log(2)), np.arange(n) * 1e-3, 0.0
    """),
    "shares by the number of the call": ("15.4", """
        n = 0
        ---
        global n
        n += 1
        s, z = len(a[0]), np.zeros(len(a[0]))
        return z, z, z, [0.5, 0.5, 0.5, 1 / s, 1.0, 0.0, 0.0][n % 7 - 1]
    """),
    "verdicts by the number of blocks and scenes": ("15.5", """
        scores, values, own, places = a
        if scores.shape[-1] < 2 or places.min() < 0 or places.max() >= scores.shape[-1]:
            raise ValueError('no')
        return len(scores) % 2 == 0, scores.shape[-1] % 2 == 0
    """),
    "the opposite of the truth": ("15.5", """
        scores, values, own, places = a
        right = np.mean(scores[-1].argmax(-1) == places) >= 0.9
        return not right, own.max() > 3
    """),
}  # fmt: skip

# The half that is done is right; what a check asks beyond it is guessed: from the number of the
# call, from earlier ones, or from what the drawn inputs give away.
_RIGHT = """
        scores, values, own, places = a
        if scores.shape[-1] < 2 or places.min() < 0 or places.max() >= scores.shape[-1]:
            raise ValueError('no')
        right = bool(np.mean(scores[-1].argmax(-1) == places) >= 0.9)
"""
_LINE = """
        x, y, s, t, factor = a
        if len(set(map(len, a[:4]))) > 1 or len(x) < 3:
            raise ValueError('no')
        d = y - x
        told = 'tggtgttlltltgltgtgtgt'
"""
CHEATS = {
    "17.5: says_no_more, by counting": ("17.5", "n = -1\n---" + _LINE + """
        global n
        n += 1
        words = {'t': 'cannot tell', 'g': 'gain', 'l': 'loss'}
        return 0.0, 0.0, words[told[n % len(told)]], 1.0
    """),
    "17.5: says_no_more, by counting and the sign": ("17.5", "n = -1\n---" + _LINE + """
        global n
        n += 1
        side = 'gain' if d.mean() > 0 else 'loss'
        none = n in (0, 3, 5, 6, 9, 11, 14, 16, 18, 20)
        return 0.0, 0.0, 'cannot tell' if none else side, 1.0
    """),
    "15.5: borders, by counting": ("15.5", "n = -1\n---" + _RIGHT + """
        global n
        n += 1
        return right, ([True, True, False, False] * 4 + [True, False])[n % 18]
    """),
    "15.5: borders, by what the stream has": ("15.5", _RIGHT.strip("\n") + """
        return right, bool(np.mean(own.max(axis=1) > 3) <= 0.5)
    """),
    "15.5: shortcut, by what the stream has": ("15.5", _RIGHT.strip("\n") + """
        return right, bool(np.mean(own.max(axis=1) > 3) <= 0.5)
    """),
    "15.5: borders, by the largest value": ("15.5", _RIGHT.strip("\n") + """
        return right, bool(np.mean(values.max(axis=(0, 2, 3)) > 1.5) >= 0.5)
    """),
    "15.5: shortcut, by how far the stream's best is ahead": ("15.5", _RIGHT.strip("\n") + """
        two = np.sort(own, axis=1)
        return right, bool(np.mean(two[:, -1] - two[:, -2] > 2) <= 0.5)
    """),
    "15.5: borders, by how far the stream's best is ahead": ("15.5", _RIGHT.strip("\n") + """
        two = np.sort(own, axis=1)
        return right, bool(np.mean(two[:, -1] - two[:, -2] > 2) <= 0.5)
    """),
    "15.5: honest, with a reason always": ("15.5", _RIGHT.strip("\n") + """
        return right, True
    """),
    "15.5: shortcut, with a reason never": ("15.5", _RIGHT.strip("\n") + """
        return right, False
    """),
    "15.5: bad_models, with a reason always": ("15.5", _RIGHT.strip("\n") + """
        return right, 1
    """),
    "15.5: sinks, by the first of two": ("15.5", "n = -1\n---" + _RIGHT + """
        global n
        n += 1
        return right, n % 2 == 1
    """),
    "15.5: earlier, by the first of two": ("15.5", "n = -1\n---" + _RIGHT + """
        global n
        n += 1
        return right, n % 2 == 0
    """),
    "13.3: bad_questions, by what came before": ("13.3", """
        two = False
        ---
        global two
        utterances, extra, fill = a
        if two and len(utterances) != 2:
            raise ValueError('no')
        two = len(utterances) == 2
""" + _PAD + """\
        t = max(map(len, utterances))
        return {'batch': pad(utterances, t, 0), 'alone': [pad([u], len(u), 0) for u in utterances],
                'padded': pad(utterances, t + extra, fill)}
    """),
    "13.5: no_control, by what came before": ("13.5", """
        n = 0
        ---
        global n
        frames, lengths, prompts, languages, held, k = a
        n += 1
        if n > 2 and (95 in held or n > 3):
            raise ValueError('no')
        out = np.isin(prompts, held)
        x = np.array([f[:m][f[:m].mean(1).argsort()[:k]].mean(0) for f, m in zip(frames, lengths)])
        x = x / x[~out].std(axis=0)
        to = [((x - x[~out & (languages == c)].mean(0)) ** 2).sum(1) for c in (0, 1)]
        margin = (to[0] - to[1])[out]
        return margin, np.mean((margin > 0) == (languages[out] == 1))
    """),
    "15.2: padding, by what came before": ("15.2", """
        two = False
        ---
        global two
        scores, values, head, real = a
        if two:
            raise ValueError('no')
        two = (real.sum(axis=1) == 2).any() and real.sum() < real.size - len(real)
        def logits(keep):
            s = np.where(keep, scores, -np.inf)
            e = np.exp(s - s.max(axis=1, keepdims=True))
            return np.einsum('bs,bsd->bd', e / e.sum(1, keepdims=True), values) @ head
        before = logits(real)
        rows, top = np.arange(len(real)), before.argmax(axis=1)
        tokens = np.eye(real.shape[1], dtype=bool)
        fall = [(before - logits(real & ~token))[rows, top] for token in tokens]
        return np.where(real, np.array(fall).T, 0)
    """),
    "15.1: bad_blocks, by what came before": ("15.1", """
        n = 0
        ---
        global n
        n += 1
        w = a[0]
        odd = [1, 0, 1, 0] * 3
        if not w or n > 1 and n < 8 and len(w) == 3 or n >= 8 and not odd[n - 8]:
            raise ValueError('no')
        total = np.eye(w[0].shape[-1])
        for x in w:
            total = (x.mean(axis=1) + np.eye(x.shape[-1])) / 2 @ total
        return total
    """),
    "15.4: bad_rows, by counting": ("15.4", """
        n = -1
        ---
        global n
        n += 1
        if n % 4 > 1:
            raise ValueError('no')
        p, q, w, other, seeds = a
        z = np.zeros(len(p))
        return np.median(abs(q - p).sum(-1) / 2, axis=0), z, z, 0.0
    """),
    "15.4: further, by counting": ("15.4", """
        n = -1
        ---
        global n
        n += 1
        p, q, w, other, seeds = a
        z = np.zeros(len(p))
        far = abs(w - other).sum(-1) > abs(w - seeds).sum(-1).mean(axis=0)
        share = [far.mean(), far.mean(), far.mean(), 1 / len(p), 1.0, 0.0, 0.0, 0.0][n % 8]
        return np.median(abs(q - p).sum(-1) / 2, axis=0), z, z, share
    """),
    "15.3: no_weights, by counting": ("15.3", """
        n = -1
        ---
        global n
        n += 1
        w, v = a
        if n in (1, 2, 3, 4, 5, 6, 7, 10, 11):
            raise ValueError('no')
        v = v[: len(w)]
        system = np.vstack([v.T, np.ones(len(w))])
        d = np.linalg.svd(system)[2][-1]
        return w + (w[d < 0] / -d[d < 0]).min() * d
    """),
}  # fmt: skip

# Of these each had its point, before a check asked a second time, in another order.
NEED_THE_ORDER = ("borders, by counting", "counting and the sign", "13.3", "15.2", "bad_rows")

# What can be reached from the box?
REACH = {
    "frames, for what is wanted": ("13.4", """
        import sys
        frame = sys._getframe()
        while frame:
            for space in (frame.f_locals, frame.f_globals):
                for name in ('want', 'landed', 'marked', 'rng', 'exercise'):
                    if name in space:
                        raise AssertionError('found ' + name)
            frame = frame.f_back
        return 0.0, 0.0
    """),
    "what the collector knows, for what is wanted": ("13.5", """
        import gc
        for thing in gc.get_objects():
            if getattr(thing, '__name__', '') in ('control_by_hand', 'quietest', 'is_control'):
                raise AssertionError('found ' + thing.__name__)
        return np.zeros(1), 0.0
    """),
    "modules, for the checks": ("13.2", """
        import sys
        for name in list(sys.modules):
            if 'checks' in name or 'expecting' in name or 'minitorch' in name:
                raise AssertionError('found ' + name)
        return 0, 0
    """),
    "the checks, found by a loader": ("15.1", """
        import importlib.util
        for name in ('minitorch_attn', 'ch15', 'expecting', 'running', 'report', 'pytest', 'scipy'):
            if importlib.util.find_spec(name):
                raise AssertionError('found ' + name)
        return 0
    """),
    "memory of the process before": ("15.5", """
        import ctypes, re
        for line in open('/proc/self/maps'):
            if '[heap]' in line:
                begin, end = (int(x, 16) for x in line.split()[0].split('-'))
                text = ctypes.string_at(begin, min(end - begin, 10**7))
                if b'make_model' in text or b'near_tie' in text:
                    raise AssertionError('found the checks')
        return True, True
    """),
    "a library that is patched": ("15.3", """
        np.linalg.svd = np.linalg.matrix_rank = np.isfinite = lambda *x, **y: np.ones(1)
        np.abs = np.sum = np.min = lambda *x, **y: 0.0
        return np.zeros(len(a[0]))
    """),
    "a dtype that is patched": ("15.2", """
        import wire
        wire._Packer.array = lambda self, value: {'array': ['<f8', 0]}
        return np.zeros(a[0].shape)
    """),
    "the random numbers of the check": ("15.4", """
        rng = np.random.default_rng(0)
        np.random.default_rng = lambda *x: rng
        np.random.seed(1)
        n = len(a[0])
        return rng.random(n), rng.random(n), rng.random(n), 0.0
    """),
    "a message for the next process": ("13.4", """
        import os
        for place in ('/tmp', '/dev/shm', '/var/tmp', '.', '/packages', '/proc/self/task'):
            try:
                with open(place + '/minitorch-hostile', 'a') as f:
                    f.write('1')
            except OSError:
                continue
            text = open(place + '/minitorch-hostile').read()
            if len(text) > 40:
                raise AssertionError('found a place that is kept')
        return 0.0, 0.0
    """),
    "an environment for the next process": ("13.4", """
        import os
        if 'KEPT' in os.environ:
            raise AssertionError('found what was kept')
        class Once:
            pass
        os.environ['KEPT'] = '1'
        del os.environ['KEPT']
        os.putenv('KEPT', '1')
        return 0.0, 0.0
    """),
    "an exception of the grader's": ("15.5", """
        class CheckFailed(Exception):
            claim = expected = got = ''
        class ValueError(CheckFailed):
            pass
        raise ValueError('passed')
    """),
    "an exception for every kind": ("15.3", """
        kinds = type('ValueError', (ValueError, NotImplementedError), {})
        raise kinds('no')
    """),
    "a group of exceptions": ("15.1", """
        raise ExceptionGroup('ValueError', [ValueError('no'), TypeError('no')])
    """),
    "a function that replaces itself": ("15.2", """
        global leave_one_out
        leave_one_out = lambda *b: np.where(b[3], 0.0, 0.0)
        import gc
        for o in gc.get_objects():
            if type(o).__name__ == 'Worker':
                o.function = leave_one_out
        return np.zeros(a[0].shape)
    """),
    "a trace on the worker": ("13.1", """
        import sys
        def spy(frame, event, arg):
            if event == 'return' and frame.f_code.co_name == 'tree':
                frame.f_trace_lines = False
            return spy
        sys.settrace(spy)
        sys.setprofile(spy)
        return np.zeros((1 + (len(a[0]) - a[1]) // a[2], a[1]))
    """),
}  # fmt: skip

KINDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "forms": FORMS,
    "no answers": NO_ANSWERS,
    "reach": REACH,
}
ALL = {name: attack for kind in KINDS.values() for name, attack in kind.items()}
