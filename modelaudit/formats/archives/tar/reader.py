"""Read tar archives: yield the listing with its defects, the absences, and the members as artifacts.

Loaders differ about damaged archives: ``tarfile`` of Python stops at the first block that is not a header, other tools
continue after it. The reader is lenient enough to find the members that any of them would extract.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelaudit.formats.archives.tar import TarDefect
from modelaudit.formats.archives.tar.declared_arrays import DOCUMENT, may_be_numbers, read_declared_sizes
from modelaudit.formats.archives.tar.sparse import SparseWindow
from modelaudit.formats.archives.tar.walk import TarMember, TarMemberWalker
from modelaudit.formats.archives.zip.layout import detect_layout
from modelaudit.model.artifact import TENSOR_STORAGE, Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.structure import ArchiveListing, ArchiveMember, Location, Unread, UnreadReason
from modelaudit.wire.base import Reading
from modelaudit.wire.ledger import claim_data
from modelaudit.wire.members import DefectLog, MemberPaths, check_link, check_name
from modelaudit.wire.tar_headers import DEVICES, FOLDER, HARD_LINK, SYMBOLIC_LINK
from modelaudit.wire.windows import Budget, SubWindow, get_budget, make_opener


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the listing, the absences, and each member as an artifact.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    budget = get_budget(window, limits)
    log = DefectLog()
    walker = TarMemberWalker(window, limits, log)
    # Iterating fills ``walker.unread`` and the log, so it comes first.
    members = list(walker)
    # torch saved its first models as tar archives, so their members may have a content type by name.
    layout = detect_layout([_mark_folder(member) for member in members])
    _check_members(members, limits, log)
    listed = tuple(_list_member(member) for member in members)
    yield ArchiveListing("tar", layout.name, listed, log.defects())
    yield from walker.unread
    paths = MemberPaths(artifact.path)
    declared = _read_declared_sizes(members, window, limits)
    for member in members:
        if member.stored or member.size:
            claim_data(window, member.data_start, member.data_start + member.stored)
            stored = SubWindow(window, member.data_start, member.stored, budget)
            content, absence = _open_content(member, stored, limits, budget)
            if absence is not None:
                yield absence
            is_array = declared.get(member.name) == content.size and may_be_numbers(content)
            yield Artifact(
                paths.name_member(member.name),
                content.size,
                make_opener(content),
                content=TENSOR_STORAGE if is_array else layout.decide_content_type(member.name),
            )


def _read_declared_sizes(members: Sequence[TarMember], window: Window, limits: Limits) -> dict[str, int]:
    """Return the sizes in bytes of the arrays that a document of the archive declares; none beside two such documents.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    documents = [each for each in members if each.name.removeprefix("./") == DOCUMENT and each.pieces is None]
    if len(documents) != 1:
        return {}
    stored = SubWindow(window, documents[0].data_start, documents[0].stored, get_budget(window, limits))
    return read_declared_sizes(stored, limits)


def _mark_folder(member: TarMember) -> str:
    """Return the name of the member with a slash at its end if it is a folder, as in ZIP archives."""
    return f"{member.name.rstrip('/')}/" if member.header.kind == FOLDER else member.name


def _open_content(member: TarMember, stored: SubWindow, limits: Limits, budget: Budget) -> tuple[Window, Unread | None]:
    """Open the content of a member from a window on its stored data.

    The holes of a sparse file may expand it beyond the limits; the content then ends there, with an absence.
    """
    if member.pieces is None:
        return stored, None
    size = min(member.size, _limit_expansion(member, limits), member.stored + budget.left)
    # Reading charges the stored bytes to the budget; the zeros of the holes are charged here.
    budget.spend(max(0, size - member.stored))
    content = SparseWindow(stored, member.pieces, size, limits)
    if size == member.size:
        return content, None
    detail = f"{member.name!r} is a sparse file of {member.size} bytes; only the first {size} were read"
    return content, Unread(UnreadReason.LIMIT, detail, Location(offset=member.header.offset, key=member.name))


def _limit_expansion(member: TarMember, limits: Limits) -> int:
    """Return the largest size that the member may expand to, in bytes."""
    return max(limits.expansion_floor, limits.expansion_ratio * member.stored)


def _list_member(member: TarMember) -> ArchiveMember:
    """Return the entry of the member for the listing."""
    is_link = member.header.kind in (HARD_LINK, SYMBOLIC_LINK)
    return ArchiveMember(
        member.name,
        member.header.offset,
        member.stored,
        member.size,
        "stored" if member.pieces is None else "sparse",
        link_target=member.link if is_link else None,
    )


def _check_members(members: Sequence[TarMember], limits: Limits, log: DefectLog) -> None:
    """Record links, devices, sparse files that expand beyond the allowed ratio, and names.

    A name is recorded if it repeats or would be extracted outside the target folder.
    """
    seen: set[str] = set()
    for member in members:
        name, offset, kind = member.name, member.header.offset, member.header.kind
        check_name(name, offset, log)
        if kind in (HARD_LINK, SYMBOLIC_LINK):
            word = "a symbolic link" if kind == SYMBOLIC_LINK else "a hard link"
            log.add(TarDefect.LINK_MEMBER, f"{name!r} is {word} to {member.link!r}", offset, name)
            check_link(name, member.link, offset, log, is_symbolic=kind == SYMBOLIC_LINK)
        elif kind in DEVICES:
            log.add(TarDefect.SPECIAL_MEMBER, f"{name!r} is {DEVICES[kind]}", offset, name)
        # "./a" and "a" extract to the same file.
        extracted_path = name.removeprefix("./")
        if extracted_path in seen and kind != FOLDER:
            log.add(
                TarDefect.DUPLICATE_MEMBER,
                f"{name!r} is extracted to the same path as a member before it",
                offset,
                name,
            )
        if kind != FOLDER:
            seen.add(extracted_path)
        if member.pieces is not None and member.size > _limit_expansion(member, limits):
            detail = f"{name!r} is stated to expand from {member.stored} to {member.size} bytes"
            log.add(TarDefect.EXPANSION_RATIO, detail, offset, name)
