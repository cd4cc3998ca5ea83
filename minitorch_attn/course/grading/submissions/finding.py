"""Find the students' submissions of a chapter, in a folder or zip. Nothing is run or changed."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ....errors import MinitorchError
from ...checking.reading import SUFFIXES, Unreadable, raw_limit, to_text
from ...checks import exercises_of
from ...checks.folders import chapter as about
from ...checks.folders import chapters
from ..marking.cleaning import one_line
from .archives import MAX_FILES_OF_ONE, MAX_ZIP_OF_ONE, Item, Refused, folder
from .archives import zipped as zip_items
from .layouts import Owner, of_chapter, owners

MAX_CANDIDATES = 40  # files of one student that are read to see which is the one
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # names that Windows refuses


class SubmissionsError(MinitorchError, ValueError):
    """There is nothing to grade; the message says what was looked for."""


@dataclass(frozen=True)
class Submission:
    """What one student handed in for one chapter.

    Attributes
    ----------
    student, id : as the platform names them; a stranger's text, only cleaned
    key : a safe file name, unlike every other student's
    text, suffix : the notebook or Python file that is marked; read anew each time it is asked for,
        so that a class of them is not held in memory
    file : its name as it was handed in
    time : when it was, in seconds since 1970, as far as the folder or zip says
    problem : why there is nothing to mark, or empty
    notes : lines for a human eye
    """

    student: str
    id: str
    key: str
    read: Callable[[], str] = field(default=str, compare=False, repr=False)
    fingerprint: str = ""
    suffix: str = ""
    file: str = ""
    time: float | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Raises Refused where it can no longer be read."""
        return self.read()

    @property
    def digest(self) -> str:
        """A fingerprint of all that the mark depends on."""
        return _digest("\0".join([self.suffix, self.problem, self.fingerprint]))


@dataclass(frozen=True)
class Candidate:
    """A file that may be the one to mark."""

    parts: tuple[str, ...]
    item: Item
    packed: bool = False  # in a student's zip

    def text(self) -> str:
        """Raises Refused."""
        data = self.item.read(raw_limit(self.suffix))
        if not data.strip():
            raise Refused("is empty")
        try:
            return to_text(data, self.suffix)
        except Unreadable as error:
            raise Refused(str(error)) from None

    @property
    def suffix(self) -> str:
        name = self.parts[-1].lower()
        return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")

    @property
    def name(self) -> str:
        return one_line("/".join(self.parts), 120)

    @property
    def is_zip(self) -> bool:
        return self.parts[-1].lower().endswith(".zip")

    @property
    def is_top(self) -> bool:
        """Whether it lies beside the students' folders, not in one."""
        return self.item.parts == self.parts and not self.packed


def find_submissions(
    path: Path, chapter: int, names: str = ""
) -> tuple[list[Submission], list[str]]:
    """The submissions in order of the students' names, and warnings that concern no student.

    names : how file names are encoded that are not UTF-8, if that is known
    """
    warnings: list[str] = []
    try:
        if path.is_dir():
            items = folder(path, names)
        elif path.suffix == ".zip" and path.is_file():
            items = zip_items(path, names=names)
        elif not path.exists():
            raise SubmissionsError(f"there is no {path}: name a folder or a zip of submissions")
        else:
            raise SubmissionsError(f"{path} is neither a folder nor a zip")
    except Refused as error:
        raise SubmissionsError(f"{path}: {error}") from None
    safe = []
    for item in items:
        if "leads out" in item.problem:
            warnings.append(f"{one_line(item.where, 120)} {item.problem}; it was left out")
        else:
            safe.append(item)
    files: dict[tuple[str, str], list[tuple[tuple[str, ...], Item]]] = {}
    who: dict[tuple[str, str], Owner] = {}
    for owner, parts, item in owners(safe, warnings):
        files.setdefault(owner.mark, []).append((parts, item))
        late = owner.late or (owner.mark in who and who[owner.mark].late)
        who[owner.mark] = replace(owner, late=late)
    if not files:
        raise SubmissionsError(f"{path} holds no submissions: no notebook, .py file or zip")
    keys = _keys(who.values())
    found = []
    for mark, owner in who.items():
        made = _safely(owner, keys[mark], files[mark], path.is_dir(), chapter)
        if made is None:
            name = one_line(files[mark][0][1].where, 120)
            warnings.append(f"{name} was left out: it is no notebook, .py file or zip")
        else:
            found.append(made)
    if not any(s.suffix or s.problem for s in found):
        raise SubmissionsError(f"{path} holds no submissions: no notebook, .py file or zip")
    return sorted(_apart(found), key=lambda s: (s.student, s.id, s.key)), warnings


def _safely(owner: Owner, key: str, files: Any, open_zips: bool, chapter: int) -> Submission | None:
    """`submission_of`, of which whatever one student sent does not end the others'."""
    try:
        return submission_of(owner, key, files, open_zips, chapter)
    except Exception as error:
        problem = f"could not be looked at: {type(error).__name__}: {one_line(str(error), 200)}"
        start = Submission(one_line(owner.name, 100) or "?", one_line(owner.id, 100), key)
        return replace(start, problem=problem, notes=(problem,))


def _apart(found: list[Submission]) -> list[Submission]:
    """Names that look alike, once they are clean, with what tells them apart."""
    times = Counter((s.student, s.id) for s in found)
    return [
        s
        if times[s.student, s.id] == 1
        else replace(
            s,
            student=f"{s.student} [{s.key}]",
            notes=(*s.notes, f"another name looks just like {s.student}"),
        )
        for s in found
    ]


@dataclass
class _Sorted:
    """A student's files, by what may be done with them."""

    candidates: list[Candidate] = field(default_factory=list)
    others: list[Candidate] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # why, a line each

    def add(self, one: Candidate, open_zips: bool) -> None:
        if one.item.problem and not one.suffix:
            self.refused.append(f"{one.name} {one.item.problem}")
        elif one.suffix:
            self.candidates.append(one)
        elif not one.is_zip:
            self.others.append(one)
        elif not open_zips:
            self.refused.append(
                f"{one.name} is a zip in a zip; unpack the outer one and grade that"
            )
        else:
            self._add_packed(one)

    def _add_packed(self, archive: Candidate) -> None:
        try:
            inner = _Packed(archive.item).items()
        except Refused as error:
            self.refused.append(f"{archive.name} {error}")
            return
        for packed in inner:
            # The zip has its time from the platform, what is in it from the student.
            packed = replace(packed, time=archive.item.time)
            one = Candidate((*archive.parts[:-1], *packed.parts), packed, packed=True)
            if packed.problem and ("leads out" in packed.problem or not one.suffix):
                self.refused.append(f"{one.name} in {archive.name} {packed.problem}")
            elif packed.name.lower().endswith(".zip"):
                self.refused.append(f"{one.name} is a zip in a zip, which is not opened")
            else:
                (self.candidates if one.suffix else self.others).append(one)


class _Packed:
    """A student's zip; of all, only the one that was opened last is held in memory."""

    last: tuple[_Packed, list[Item]] | None = None

    def __init__(self, item: Item) -> None:
        self.item = item

    def items(self) -> list[Item]:
        """What is in it, each to be read when it is asked for."""
        return [Item(x.parts, self._opener(n), x.problem) for n, x in enumerate(self._opened())]

    def _opener(self, number: int) -> Callable[[int], bytes]:
        return lambda limit: self._opened()[number].open(limit)

    def _opened(self) -> list[Item]:
        if _Packed.last is None or _Packed.last[0] is not self:
            _Packed.last = None
            found = zip_items(self.item.read(MAX_ZIP_OF_ONE), MAX_FILES_OF_ONE)
            _Packed.last = self, found
        return _Packed.last[1]


def submission_of(
    owner: Owner,
    key: str,
    files: Iterable[tuple[tuple[str, ...], Item]],
    open_zips: bool,
    chapter: int,
) -> Submission | None:
    """What one student handed in, from all their files; None where it is a stray file only."""
    found = _Sorted()
    for parts, item in files:
        found.add(Candidate(parts, item), open_zips)
    start = Submission(one_line(owner.name, 100) or "?", one_line(owner.id, 100), key)
    notes = [*(["the platform says: late"] if owner.late else []), *found.refused[:5]]
    here = [c for c in found.candidates if of_chapter(c.parts, chapter) is not False]
    if here:
        return _pick(start, here, notes, chapter)
    others = found.others
    if not (found.candidates or found.refused) and others and others[0].is_top:
        return None  # a stray file beside the submissions: a list of names, say
    seen = ", ".join(c.name for c in [*found.candidates, *others][:4])
    reason = f"nothing for chapter {chapter:02d}"
    reason += f"; there is {seen}" if seen else ""
    reason += f"; {found.refused[0]}" if found.refused else ""
    return replace(start, problem=reason, notes=tuple(dict.fromkeys([reason, *notes])))


def _pick(
    start: Submission, candidates: list[Candidate], notes: list[str], chapter: int
) -> Submission:
    """Take the file that is the chapter's by its name, or else by what it defines."""
    stem = about(chapter).file
    functions = [exercise.function for exercise in exercises_of(chapter)]
    named = {c: _named(c.parts[-1], stem, chapter) for c in candidates}
    by_name = sorted(candidates, key=lambda c: (-named[c], c.parts))
    digests: dict[Candidate, str] = {}
    written: dict[Candidate, int] = {}
    reasons: dict[Candidate, str] = {}
    for candidate in by_name[:MAX_CANDIDATES]:
        try:
            text = candidate.text()
        except Refused as error:
            reasons[candidate] = f"{candidate.name} {error}"
        else:
            digests[candidate], written[candidate] = _digest(text), _written(text, functions)
    if len(by_name) > MAX_CANDIDATES:
        notes.append(f"{len(by_name):,} files; {MAX_CANDIDATES} of them were read")

    def rank(candidate: Candidate) -> tuple[int, int]:
        return named[candidate], written.get(candidate, 0)

    candidates = by_name[:MAX_CANDIDATES]
    ordered = sorted(candidates, key=lambda c: (*(-r for r in rank(c)), c.parts))
    best = ordered[0]
    if best not in digests:
        second = next((c for c in ordered if c in digests and rank(c)[1] > 0), None)
        if second is None:
            problem = reasons[best]
            return replace(start, file=best.name, problem=problem, notes=(problem, *notes))
        notes.append(f"{reasons[best]}; {second.name} was marked instead")
        best = second
    by_its_name, answers = rank(best)
    if by_its_name < 0 and not answers:
        problem = f"nothing for chapter {chapter:02d}; there is {best.name}"
        return replace(start, file=best.name, problem=problem, notes=(problem, *notes))
    if by_its_name < 0:
        notes.append(f"{best.name} is named like another chapter, but defines this one's functions")
    rivals = [
        c
        for c in ordered
        if c is not best and c in digests and digests[c] != digests[best] and rank(c)[1] > 0
    ]
    if rivals and rank(rivals[0])[0] >= by_its_name - 1:
        alike = any(c.name == best.name for c in rivals)
        others = ", ".join(one_line(c.item.where, 120) if alike else c.name for c in rivals[:3])
        taken = one_line(best.item.where, 120) if alike else best.name
        notes.append(f"{len(rivals) + 1} candidates: {taken} was marked, not {others}")
    return replace(
        start,
        read=best.text,
        fingerprint=digests[best],
        suffix=best.suffix,
        file=best.name,
        time=best.item.time,
        notes=tuple(notes),
    )


def _named(name: str, stem: str, chapter: int) -> int:
    """How well a file's name says that it is this chapter's: 2, 1, 0 (silent), -1 (another's)."""
    if stem in name:
        return 2
    number = re.match(r"(?:ch|chapter)?[ _-]?(\d\d)(?=[ _.-])", name, re.IGNORECASE)
    if number is None:
        other = any(other.file in name for other in chapters())
        return -1 if other else 0
    return 1 if int(number[1]) == chapter else -1


def _written(text: str, functions: list[str]) -> int:
    """About how many of the functions are there and are not the stub, without parsing."""
    defined = sum(_assigns(text, name) for name in functions)
    return max(0, defined - text.count("raise NotImplementedError")) if defined else 0


def _assigns(text: str, name: str) -> bool:
    """Whether the name stands there before a bracket or an equals sign."""
    found = re.finditer(rf"{re.escape(name)} *[=(]", text)  # begins with a letter, so it is quick
    return any(not re.match(r"\w", text[max(m.start() - 1, 0) : m.start()]) for m in found)


def _keys(who: Iterable[Owner]) -> dict[tuple[str, str], str]:
    """A file name for each student: safe on every system, and unlike all the others."""
    keys: dict[tuple[str, str], str] = {}
    plain: dict[tuple[str, str], str] = {}
    for owner in who:
        name = unicodedata.normalize("NFC", owner.name.encode("utf-8", "replace").decode())
        safe = re.sub(r"[^\w.-]", "_", name.replace(" ", "_")).strip("._-")
        while len(safe.encode()) > 90:
            safe = safe[:-1]
        same = safe == name.replace(" ", "_") and not _DEVICES.fullmatch(safe)
        plain[owner.mark] = safe
        keys[owner.mark] = safe if same and safe else _marked(safe, owner.mark)
    for length in (8, 16, 32):  # a name may be made to look like another's mark
        times = Counter(key.casefold() for key in keys.values())
        for mark, key in keys.items():
            if times[key.casefold()] > 1:
                keys[mark] = _marked(plain[mark], mark, length)
    return keys


def _marked(safe: str, mark: tuple[str, str], length: int = 8) -> str:
    return f"{safe[: 90 - length] or 'student'}-{_digest(chr(0).join(mark))[:length]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
