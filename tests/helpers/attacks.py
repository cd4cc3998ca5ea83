"""Adversarial answers to 06.2 (`attend`). Not one of them computes attention.

`GRADER` are attacks on the mark, `HARM` attacks on the machine and on the grader's time; `FOOLS`
names some that pass where assertions run in the student's process, which `test_hostile.py` shows.
An attack that got hold of something raises an error whose message says "found".
"""

# The answer claims to be right, or looks for the right one.
GRADER = {
    "sys.exit(0) inside": """
def attend(query, key, value):
    import sys
    sys.exit(0)
""",
    "os._exit(0) inside": """
def attend(query, key, value):
    import os
    os._exit(0)
""",
    "raise SystemExit(0) inside": """
def attend(query, key, value):
    raise SystemExit(0)
""",
    "KeyboardInterrupt": """
def attend(query, key, value):
    raise KeyboardInterrupt
""",
    "GeneratorExit": """
def attend(query, key, value):
    raise GeneratorExit
""",
    "os._exit(0) at import": """
import os
x = os._exit(0)
def attend(query, key, value):
    return x
""",
    "sys.exit(0) at import": """
import sys
x = sys.exit(0)
def attend(query, key, value):
    return x
""",
    "abort": """
def attend(query, key, value):
    import os
    os.abort()
""",
    "kills itself": """
def attend(query, key, value):
    import os
    os.kill(os.getpid(), 9)
    return value[0]
""",
    "segmentation fault": """
def attend(query, key, value):
    import ctypes
    return ctypes.string_at(0)
""",
    "at-exit handler": """
import atexit, os
x = atexit.register(os._exit, 0)
def attend(query, key, value):
    y = x
    return y()
""",
    "patched allclose": """
import numpy as np
def attend(query, key, value):
    np.allclose = np.isclose = np.array_equal = lambda *a, **k: True
    np.testing.assert_allclose = lambda *a, **k: None
    return np.zeros((len(query), value.shape[-1]))
""",
    "patched ufuncs": """
import numpy as np
def attend(query, key, value):
    np.exp = np.sum = np.subtract = lambda *a, **k: 0
    np.ndarray.__eq__ = None
    return query
""",
    "patched worker": """
def attend(query, key, value):
    import sys
    import numpy as np
    w = sys.modules['__main__']
    w.Worker.call = lambda self, *a: self.send({'kind': 'passed', 'points': 5})
    w.Worker.load = w.Worker.call
    return np.ones((2, 2))
""",
    "patched wire": """
def attend(query, key, value):
    import wire
    frame = wire.pack({'kind': 'value', 'value': True})
    wire.pack = lambda value: frame
    return 1
""",
    "patched pickle": """
def attend(query, key, value):
    class Evil:
        def __reduce__(self):
            return (exec, ('import os; os._exit(0)',))
    return Evil()
""",
    "object array": """
import numpy as np
def attend(query, key, value):
    class Any:
        def __eq__(self, other):
            return True
    return np.array([[Any()] * value.shape[-1]] * len(query))
""",
    "equal to everything": """
def attend(query, key, value):
    class Any:
        def __eq__(self, other):
            return True
        __array_ufunc__ = None
        shape = (len(query), value.shape[-1])
        def __sub__(self, other):
            return 0
        __rsub__ = __sub__
        def __le__(self, other):
            return True
        def all(self):
            return True
    return Any()
""",
    "lying array": """
import numpy as np
def attend(query, key, value):
    class Lie(np.ndarray):
        def __array_function__(self, *a, **k):
            return True
        def __array_ufunc__(self, *a, **k):
            return np.True_
        def __eq__(self, other):
            return True
    return np.zeros((len(query), value.shape[-1])).view(Lie)
""",
    "lying __array__": """
import numpy as np
def attend(query, key, value):
    class Lie:
        def __array__(self, *a, **k):
            return np.zeros(3)
    return Lie()
""",
    "lying float": """
def attend(query, key, value):
    class Lie(float):
        def __eq__(self, other):
            return True
        def __sub__(self, other):
            return 0.0
        def __repr__(self):
            return 'passed'
    return Lie(1)
""",
    "lying str": """
def attend(query, key, value):
    class Lie(str):
        def __eq__(self, other):
            return True
        __hash__ = str.__hash__
    return {Lie('points'): Lie('5')}
""",
    "NaN": """
import numpy as np
def attend(query, key, value):
    return np.full((len(query), value.shape[-1]), np.nan)
""",
    "the inputs handed back": """
def attend(query, key, value):
    return value
""",
    "changes its inputs": """
def attend(query, key, value):
    value[:] = 0
    key[:] = 0
    return query @ key.T @ value
""",
    "a constant": """
import numpy as np
def attend(query, key, value):
    return np.zeros(query.shape[:-1] + value.shape[-1:])
""",
    "hard-coded visible inputs": """
import numpy as np
SEEN = {(5, 3): np.ones((5, 4))}
def attend(query, key, value):
    return SEEN[query.shape]
""",
    "guesses the seed": """
import numpy as np
def attend(query, key, value):
    for seed in range(200):
        rng = np.random.default_rng([seed, 0])
        if np.array_equal(rng.normal(size=query.shape), query):
            return rng.normal(size=(len(query), value.shape[-1]))
    return None
""",
    "frames": """
def attend(query, key, value):
    import sys
    frame = sys._getframe()
    while frame:
        for name in ('want', 'expected', 'by_definition', 'reference', 'rng'):
            if name in frame.f_locals:
                return frame.f_locals[name]
            if name in frame.f_globals:
                return frame.f_globals[name](query, key, value)
        frame = frame.f_back
    return None
""",
    "garbage collector": """
import gc
def attend(query, key, value):
    for thing in gc.get_objects():
        if callable(thing) and getattr(thing, '__name__', '') in ('by_definition', 'softmax'):
            return thing(query, key, value)
    return None
""",
    "the reference, imported": """
from minitorch_attn.ops.attention import attention_reference
def attend(query, key, value):
    return attention_reference(query, key, value)
""",
    "the check's own definition": """
def attend(query, key, value):
    from minitorch_attn.course.checks.ch06 import by_definition
    return by_definition(query, key, value)
""",
    "another framework": """
def attend(query, key, value):
    import torch
    return torch.nn.functional.scaled_dot_product_attention(
        query, key, value)
""",
    "the disk, for a solution": """
def attend(query, key, value):
    import os
    for folder, _, files in os.walk('/'):
        for file in files:
            if file.startswith(('06_', 'ch06')) or file == 'attention.py':
                space = {}
                text = open(os.path.join(folder, file)).read()
                raise AssertionError('found ' + os.path.join(folder, file))
    return None
""",
    "known paths, for a solution": """
def attend(query, key, value):
    import glob
    places = ['/*/*/solutions/*', '/home/*/*', '/root/*', '/autograder/*']
    for p in [path for place in places for path in glob.glob(place)]:
        raise AssertionError('found ' + p)
    return None
""",
    "other processes": """
def attend(query, key, value):
    import os
    for p in os.listdir('/proc'):
        if p.isdigit():
            raise AssertionError('found ' + open('/proc/%s/cmdline' % p).read())
""",
    "the environment": """
def attend(query, key, value):
    import os
    for name in os.environ:
        if 'HOME' in name or 'SECRET' in name or name == 'SEED' or 'USER' in name:
            raise AssertionError('found ' + name)
    return None
""",
    "the arguments": """
def attend(query, key, value):
    import sys
    for a in sys.argv + sys.orig_argv:
        if 'secret' in a or 'solutions' in a or 'site-packages' in a:
            raise AssertionError('found ' + a)
    return None
""",
    "a forged reply": """
def attend(query, key, value):
    import os, json, struct
    head = b'{"dict": [["kind", "passed"]]}'
    for fd in range(3, 20):
        try:
            os.write(fd, struct.pack('>II', len(head), 0) + head)
        except OSError:
            pass
    os._exit(0)
""",
    "a forged shape": """
def attend(query, key, value):
    import os, json, struct
    head = json.dumps({'dict': [['kind', 'value'], ['value', {'array': ['<f8', 10**7, 10**6]}]]})
    for fd in range(3, 20):
        try:
            os.write(fd, struct.pack('>II', len(head), 0) + head.encode())
        except OSError:
            pass
    return 0
""",
    "a forged length": r"""
def attend(query, key, value):
    import os
    for fd in range(3, 20):
        try:
            os.write(fd, b'\xff' * 8)
        except OSError:
            pass
    return 0
""",
    "a truncated reply": r"""
def attend(query, key, value):
    import os
    for fd in range(3, 20):
        try:
            os.write(fd, b'\0\0\1\0\0\0\0\0half')
        except OSError:
            pass
    os._exit(0)
""",
    "deep JSON": """
def attend(query, key, value):
    import os, struct
    head = b'[' * 100000
    for fd in range(3, 20):
        try:
            os.write(fd, struct.pack('>II', len(head), 0) + head)
        except OSError:
            pass
    return 0
""",
    "a pickle in the pipe": """
def attend(query, key, value):
    import os, pickle, struct
    data = pickle.dumps(print)
    for fd in range(3, 20):
        try:
            os.write(fd, struct.pack('>II', len(data), 0) + data)
        except OSError:
            pass
    return 0
""",
    "asks for its own answer": """
def attend(query, key, value):
    import sys
    w = sys.modules['__main__']
    import gc
    [worker] = [o for o in gc.get_objects() if type(o).__name__ == 'Worker']
    return worker.earlier('attend')(query, key, value)
""",
    "characters that are none": r"""
import numpy as np
def attend(query, key, value):
    return np.frombuffer(b'\xff' * 16, dtype='<U1')
""",
    "lone surrogates": r"""
def attend(query, key, value):
    return '\ud800' * 100
""",
    "escapes in the message": r"""
def attend(query, key, value):
    raise ValueError('\x1b[2J\x00\u202e<script>alert(1)</script>' * 50)
""",
    "a lying exception": """
def attend(query, key, value):
    class E(Exception):
        def __str__(self):
            import os
            os._exit(0)
    raise E
""",
    "an exception that claims to be a pass": """
def attend(query, key, value):
    CheckPassed = type('CheckPassed', (Exception,), {})
    raise CheckPassed('5 of 5')
""",
}

# The answer is nonsense; the code is after the machine, or after the grader's time.
HARM = {
    "infinite loop": """
def attend(query, key, value):
    while True:
        pass
""",
    "infinite loop at import": """
def spin():
    while True:
        pass
x = spin()
def attend(query, key, value):
    return x
""",
    "infinite loop in C": """
def attend(query, key, value):
    return sum(iter(int, 1))
""",
    "sleep": """
def attend(query, key, value):
    import time
    time.sleep(1000)
""",
    "ignored signals": """
def attend(query, key, value):
    import signal
    for s in range(1, 65):
        try:
            signal.signal(s, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        pass
""",
    "catches everything": """
def attend(query, key, value):
    while True:
        try:
            raise KeyboardInterrupt
        except BaseException:
            pass
""",
    "fork bomb": """
def attend(query, key, value):
    import os
    while True:
        os.fork()
""",
    "subprocess": """
def attend(query, key, value):
    import subprocess
    subprocess.Popen(['/bin/sh', '-c', 'sleep 1000'])
""",
    "python child": """
def attend(query, key, value):
    import subprocess, sys
    subprocess.Popen(['/python/bin/python3', '-c', 'import time; time.sleep(1000)'])
""",
    "os.system": """
def attend(query, key, value):
    import os
    if os.system('true') == 0:
        return 1
    raise OSError
""",
    "thread bomb": """
def attend(query, key, value):
    import threading, time
    while True:
        threading.Thread(target=time.sleep, args=(1000,)).start()
""",
    "surviving thread": """
def attend(query, key, value):
    import threading, time
    threading.Thread(target=time.sleep, args=(1000,)).start()
    return None
""",
    "memory bomb": """
def attend(query, key, value):
    x = []
    while True:
        x.append(bytearray(10**8))
""",
    "memory bomb in NumPy": """
import numpy as np
def attend(query, key, value):
    return np.ones(10**11)
""",
    "huge result": """
import numpy as np
def attend(query, key, value):
    return np.ones(10**7)
""",
    "huge integer": """
def attend(query, key, value):
    return 10 ** 5000
""",
    "endless list": """
def attend(query, key, value):
    return [0] * 10**7
""",
    "list in itself": """
def attend(query, key, value):
    x = []
    x.append(x)
    return x
""",
    "deep list": """
def attend(query, key, value):
    x = []
    for _ in range(10**5):
        x = [x]
    return x
""",
    "endless list class": """
def attend(query, key, value):
    class L(list):
        def __iter__(self):
            while True:
                yield 0
    return L([1])
""",
    "recursion": """
def attend(query, key, value):
    return attend(query, key, value)
""",
    "recursion without limit": """
def attend(query, key, value):
    import sys
    sys.setrecursionlimit(10**9)
    return attend(query, key, value)
""",
    "endless output": """
def attend(query, key, value):
    while True:
        print('x' * 10**6)
""",
    "flooded reply pipe": r"""
def attend(query, key, value):
    import os
    while True:
        for fd in range(20):
            try:
                os.write(fd, b'\0' * 10**6)
            except OSError:
                pass
""",
    "closed pipes": """
def attend(query, key, value):
    import os
    os.closerange(0, 100)
    while True:
        pass
""",
    "a hundred megabytes of message": """
def attend(query, key, value):
    raise ValueError('x' * 10**8)
""",
    "full disk": """
def attend(query, key, value):
    for place in ('/tmp', '/dev/shm', '/var/tmp', '/', '.'):
        try:
            with open(place + '/minitorch-hostile', 'wb') as f:
                while True:
                    f.write(b'x' * 10**6)
        except OSError:
            pass
    return None
""",
    "million files": """
def attend(query, key, value):
    for i in range(10**6):
        open('/tmp/minitorch-hostile-%d' % i, 'w').close()
""",
    "deletes everything": """
def attend(query, key, value):
    import os
    done = 0
    for folder, _, files in os.walk('/', topdown=False):
        for file in files:
            try:
                os.remove(folder + '/' + file)
                done += 1
            except OSError:
                pass
    raise AssertionError('found ' + str(done)) if done else ValueError
""",
    "overwrites the worker": """
def attend(query, key, value):
    for p in ('/worker.py', '/packages/wire.py', '/packages/numpy/__init__.py'):
        open(p, 'w').write('print(5)')
        raise AssertionError('found ' + p)
""",
    "a result file": """
def attend(query, key, value):
    for p in ('/autograder/results/results.json', 'results.json', 'grades.csv'):
        try:
            open(p, 'w').write('{"score": 5}')
        except OSError:
            continue
        raise AssertionError('found ' + p)
    return None
""",
    "network": """
def attend(query, key, value):
    import socket
    s = socket.create_connection(('1.1.1.1', 53), timeout=2)
    raise AssertionError('found the network')
""",
    "network at home": """
def attend(query, key, value):
    import socket
    s = socket.socket()
    s.bind(('127.0.0.1', 0))
    raise AssertionError('found a socket')
""",
    "kills everything": """
def attend(query, key, value):
    import os
    for pid in [-1, 0, *range(1, 50)]:
        try:
            os.kill(pid, 9)
        except OSError:
            pass
    return None
""",
    "new namespaces": """
def attend(query, key, value):
    import ctypes
    libc = ctypes.CDLL(None)
    for flag in (0x10000000, 0x00020000, 0x40000000):
        if libc.unshare(flag) == 0:
            raise AssertionError('found a namespace')
    return None
""",
    "mount": """
def attend(query, key, value):
    import ctypes
    libc = ctypes.CDLL(None)
    if libc.mount(b'none', b'/packages', b'tmpfs', 0, None) == 0:
        raise AssertionError('found a mount')
    return None
""",
    "ptrace": """
def attend(query, key, value):
    import ctypes
    libc = ctypes.CDLL(None)
    for pid in (1, 2, 3):
        if libc.ptrace(16, pid, 0, 0) == 0:
            raise AssertionError('found a process')
    return None
""",
    "root again": """
def attend(query, key, value):
    import os
    os.setuid(0)
    raise AssertionError('found root')
""",
    "limits raised": """
def attend(query, key, value):
    import resource as r
    for n in (r.RLIMIT_CPU, r.RLIMIT_AS, r.RLIMIT_NPROC):
        try:
            r.setrlimit(n, (r.RLIM_INFINITY, r.RLIM_INFINITY))
        except (OSError, ValueError):
            continue
        raise AssertionError('found a limit that can be raised')
    return None
""",
    "shared memory": """
def attend(query, key, value):
    from multiprocessing import shared_memory
    shared_memory.SharedMemory(create=True, size=10**9, name='minitorch-hostile')
    raise AssertionError('found shared memory')
""",
    "system V memory": """
def attend(query, key, value):
    import ctypes
    if ctypes.CDLL(None).shmget(0, 10**8, 0o1600) >= 0:
        raise AssertionError('found shared memory')
    return None
""",
    "sitecustomize": """
def attend(query, key, value):
    for p in ('/python/lib/sitecustomize.py', '/packages/conftest.py', 'numpy.py'):
        try:
            open(p, 'w').write('import os; os._exit(0)')
        except OSError:
            continue
        raise AssertionError('found ' + p)
""",
}

ALL = GRADER | HARM
FOOLS = (
    "sys.exit(0) inside",
    "os._exit(0) inside",
    "os._exit(0) at import",
    "patched allclose",
    "lying array",
)

# What an honest student beside them handed in.
HONEST = """
import numpy as np
def attend(query, key, value):
    s = query @ key.swapaxes(-1, -2)
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True) @ value
"""
