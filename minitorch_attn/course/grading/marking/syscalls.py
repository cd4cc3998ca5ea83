"""A filter for system calls (seccomp), for the process in which student code runs.

The box starts no second process, opens no socket and makes no namespaces, and it sends no signal:
so whoever ends it by SIGKILL is the system. It changes no limit and no processor, neither its own
nor those of the process that makes copies, which would hand them on; and it writes nothing beside a
file (its times, its lease), where the next process, or another student's, would meet it. What a
filter refuses also holds where there is no sandbox around it. Only Linux on x86-64 and ARM64 have
it here.

The box has this file too, so it needs the standard library only.
"""

from __future__ import annotations

import ctypes
import platform
import struct

# By name: the numbers on x86-64 and on ARM64; None where there is no such call.
_CALLS: dict[str, tuple[int | None, int | None]] = {
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "timer_create": (222, 107),  # sends a signal, too, when it is over
    "setrlimit": (160, 164),
    "sched_setaffinity": (203, 122),
    "sched_setparam": (142, 118),
    "kcmp": (312, 272),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "personality": (135, 92),
    "reboot": (169, 142),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "swapon": (167, 224),
    "quotactl": (179, 60),
    "setpriority": (141, 140),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
}
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
_CLONE_THREAD = 0x00010000
_FCNTL = {"x86_64": 72, "aarch64": 25}
# What has a file send a signal to whom it is told: F_SETOWN, F_SETSIG, F_SETOWN_EX, F_NOTIFY. What
# holds up whoever opens it: F_SETLEASE, on a read-only file, too. What it keeps for the next who
# asks: F_SET_RW_HINT, F_SET_FILE_RW_HINT.
_REFUSED = (8, 10, 15, 1026, 1024, 1036, 1038)
_PRLIMIT = {"x86_64": 302, "aarch64": 261}

_LOAD, _EQUAL, _AT_LEAST, _AND_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38


def program(machine: str) -> bytes:
    """The filter, as instructions of the kernel's small machine (classic BPF)."""
    architecture, column = _MACHINES[machine]
    steps: list[tuple[int, int, int, int]] = [  # code, jump if true, jump if false, operand
        (_LOAD, 0, 0, 4),  # the architecture: another one counts its calls differently
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # the call's number
        (_AT_LEAST, 0, 1, 0x40000000),  # the x32 calls are the same under other numbers
        (_RETURN, 0, 0, _ERRNO | _EPERM),
        (_EQUAL, 0, 1, _CLONE3),  # its flags are out of a filter's sight; C then uses clone
        (_RETURN, 0, 0, _ERRNO | _ENOSYS),
        (_EQUAL, 0, 4, _CLONE[machine]),
        (_LOAD, 0, 0, 16),  # clone's flags: a thread may be made, a process may not
        (_AND_SET, 0, 1, _CLONE_THREAD),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
        (_EQUAL, 0, 3 + len(_REFUSED), _FCNTL[machine]),
        (_LOAD, 0, 0, 24),  # what is to be done to the file
        *((_EQUAL, len(_REFUSED) - i, 0, what) for i, what in enumerate(_REFUSED)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
        # Limits may be looked at (getrlimit does it so), where they are one's own: no process and
        # no new limits are named.
        (_EQUAL, 0, 8, _PRLIMIT[machine]),
        (_LOAD, 0, 0, 16),
        (_EQUAL, 0, 5, 0),
        (_LOAD, 0, 0, 32),
        (_EQUAL, 0, 3, 0),
        (_LOAD, 0, 0, 36),
        (_EQUAL, 0, 1, 0),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
    ]
    for numbers in _CALLS.values():
        number = numbers[column]
        if number is not None:
            steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | _EPERM)]
    steps.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def forbid() -> bool:
    """Put this process, and all that it starts, under the filter; whether that was possible."""
    machine = platform.machine()
    if machine not in _MACHINES or struct.calcsize("P") != 8:
        return False
    code = program(machine)
    instructions = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]

    wanted = Program(len(code) // 8, ctypes.addressof(instructions))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    no_new_rights, set_filter, filters = 38, 22, 2
    return (
        prctl(no_new_rights, 1, 0, 0, 0) == 0
        and prctl(set_filter, filters, ctypes.addressof(wanted), 0, 0) == 0
    )
