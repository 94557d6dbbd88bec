"""What the programs in a torch archive name: operators by effect, types, imports, and texts that loading evaluates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from modelaudit.checks.callables import UNREVIEWED, Judgement, judge
from modelaudit.checks.mentions import subject_of_mention
from modelaudit.model.address import container_of
from modelaudit.model.artifact import TORCHSCRIPT
from modelaudit.model.catalogue import (
    CallableEntry,
    Callables,
    Catalogue,
    Scalar,
    Standing,
    Subject,
    VocabularyDeclaration,
)
from modelaudit.model.outline import TORCH_OPERATORS, Mention, Outline
from modelaudit.model.pickle import Name, PickleProgram
from modelaudit.model.reading import Structure
from modelaudit.model.structure import ArchiveListing, Location, Unread
from modelaudit.model.torch import NameUse, TorchMention, TorchProgram

_CLASSES: Final = "__torch__.torch.classes"
_UNLISTED: Final = Judgement(Standing.UNLISTED, why=UNREVIEWED)
_WALK: Final = Judgement(Standing.UNRESOLVED, "attribute", "it is found by walking from module to module")
_HIDDEN: Final = Judgement(Standing.UNRESOLVED, "attribute", "what it stands for is only known when it is compiled")
_TEXT: Final = Judgement(Standing.UNRESOLVED, "code", "it is Python source to the loader")


def subjects_of_torch(
    structures: Sequence[tuple[str, Structure]], unread: Iterable[tuple[str, Unread]], catalogue: Catalogue
) -> Iterator[Subject]:
    """The subjects that lie between the parts of one artifact: its programs, their definitions, its other members."""
    programs = [(address, each) for address, each in structures if isinstance(each, TorchProgram)]
    judges = _Judge.over([program for _, program in programs], catalogue)
    for address, program in programs:
        for mention in program.mentions:
            yield from _subjects_of_mention(address, program.format, mention, judges)
    for address, each in structures:
        if isinstance(each, PickleProgram) and each.layout == TORCHSCRIPT:
            for mention in dict.fromkeys(_classes_of(each)):
                yield from _subjects_of_mention(address, TORCHSCRIPT, mention, judges)
    archives = [(address, each.layout) for address, each in structures if isinstance(each, ArchiveListing)]
    torch = {address: layout for address, layout in archives if layout.startswith(("torch-", TORCHSCRIPT))}
    for address, each in structures:
        layout = torch.get(container_of(address))
        if isinstance(each, Outline) and each.format == "executable" and layout:
            named: dict[str, Scalar] = {"layout": layout, "format": each.format}
            yield Subject("torch-member", address, named, each.format, evidence=tuple(dict(each.facts).values()))
    for address, absence in unread:
        layout = torch.get(container_of(address))
        if absence.format and layout:
            fields: dict[str, Scalar] = {"layout": layout, "format": absence.format}
            yield Subject("torch-member", address, fields, absence.format, evidence=(f"it is an {absence.format}",))


def _classes_of(program: PickleProgram) -> Iterator[TorchMention]:
    """The types of torch's own C++ that a pickle of the archive names: making one runs native code."""
    for event in program.events:
        if isinstance(event.subject, Name) and str(event.subject).startswith(f"{_CLASSES}."):
            yield TorchMention(NameUse.TYPE, str(event.subject), called=True)


@dataclass(frozen=True, slots=True)
class _Judge:
    """Judges mentions against the lists and against what the archive defines itself."""

    operators: Mapping[str, CallableEntry]
    callables: Callables
    declarations: Mapping[str, VocabularyDeclaration]
    defines: frozenset[str]
    types: frozenset[str]
    fields: frozenset[str]

    @classmethod
    def over(cls, programs: Sequence[TorchProgram], catalogue: Catalogue) -> _Judge:
        """A judge who knows the definitions of all ``programs``."""
        return cls(
            catalogue.operators,
            catalogue.callables,
            catalogue.declarations,
            frozenset(name for program in programs for name in program.defines),
            frozenset(name for program in programs for name in program.types),
            frozenset(name for program in programs for name in program.fields),
        )

    def judge(self, mention: TorchMention) -> Judgement | None:
        """What is known of a mention; ``None`` where it is plainly trusted."""
        found: Judgement | None
        match mention.use:
            case NameUse.OPERATOR:
                found = self._listed(mention.name) or (_UNLISTED if "::" in mention.name else self._walk(mention.name))
            case NameUse.METHOD:
                found = self._method(mention)
            case NameUse.NAME:
                found = self._listed(mention.name) or _UNLISTED
            case NameUse.TYPE:
                found = self._type(mention.name)
            case NameUse.IMPORT:
                found = self._import(mention.name)
            case NameUse.EXPRESSION:
                found = self._listed(f"sympy::{mention.name}") or _TEXT
            case NameUse.IDENTIFIER:
                found = _TEXT
            case NameUse.UNRESOLVED:
                found = _HIDDEN
        return None if found is None or found.standing is Standing.TRUSTED else found

    def _listed(self, name: str) -> Judgement | None:
        entry = self.operators.get(name)
        return Judgement(entry.standing, entry.effect, entry.why, entry) if entry else None

    def _method(self, mention: TorchMention) -> Judgement | None:
        operator = self._listed(f"aten::{mention.name}")
        if operator is not None and operator.standing is Standing.DANGEROUS:
            # A field of that name is one, unless it is called; but a method may be given another name before it is.
            return operator if mention.called or mention.name not in self.fields else _UNLISTED
        elsewhere = (f"{namespace}::{mention.name}" in self.operators for namespace in ("prim", "methods"))
        known = operator is not None or mention.name in self.defines or any(elsewhere)
        return None if known or not mention.called else _UNLISTED

    def _type(self, name: str) -> Judgement | None:
        parts = name.split(".")
        # What follows the name of a type is a member of it.
        heads = [".".join(parts[:length]) for length in range(len(parts), 1, -1)]
        if name.startswith(f"{_CLASSES}."):
            return next((found for head in heads if (found := self._listed(head))), _UNLISTED)
        return None if any(head in self.types for head in heads) else _UNLISTED

    def _walk(self, name: str) -> Judgement:
        """A path that is walked from torch on: whatever module it passes, what it ends in is what is called."""
        parts = name.split(".")
        tails = (self._by_path(".".join(parts[start:])) for start in range(len(parts) - 1))
        return next((found for found in tails if found.standing is Standing.DANGEROUS), _WALK)

    def _import(self, name: str) -> Judgement:
        """A path that is imported, and called with arguments of the file."""
        found = self._listed(name) or self._by_path(name)
        entry = found.entry
        if found.standing is Standing.TRUSTED and entry is not None and (entry.arguments or entry.construct_only):
            return _UNLISTED
        return found

    def _by_path(self, name: str) -> Judgement:
        module, _, last = name.rpartition(".")
        return judge(Name(module, last), self.callables)


def _subjects_of_mention(address: str, program: str, mention: TorchMention, judges: _Judge) -> Iterator[Subject]:
    judgement = judges.judge(mention)
    if judgement is None:
        return
    name = f".{mention.name}" if mention.use is NameUse.METHOD else mention.name
    place = f"line {mention.line}: " if mention.line else ""
    use = "calls" if mention.called else "names"
    where = Location(line=mention.line or None, key=mention.name)
    named = Mention(TORCH_OPERATORS, mention.use.value, name, where)
    yield subject_of_mention(
        address, program, named, judgement, judges.declarations, f"{mention.use} {mention.name}", f"{place}{use} {name}"
    )
