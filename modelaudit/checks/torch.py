"""Judge the names in the programs of a torch archive: operators, types, imports, and texts that loading evaluates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.checks.callables import UNREVIEWED, Judgement, judge_name
from modelaudit.checks.mentions import build_mention_subject
from modelaudit.model.address import container_of
from modelaudit.model.artifact import TORCHSCRIPT
from modelaudit.model.catalogue import (
    Catalogue,
    Scalar,
    Standing,
    Subject,
)
from modelaudit.model.outline import TORCH_OPERATORS, Mention, Outline
from modelaudit.model.pickle import Name, PickleProgram
from modelaudit.model.reading import Structure
from modelaudit.model.structure import ArchiveListing, Location, Unread
from modelaudit.model.torch import NameUse, TorchMention, TorchProgram

_NATIVE_CLASSES: Final = "__torch__.torch.classes"
_UNLISTED: Final = Judgement(Standing.UNLISTED, why=UNREVIEWED)
_FOUND_BY_WALK: Final = Judgement(
    Standing.UNRESOLVED, "attribute", "the loader finds it by walking from module to module"
)
_COMPUTED_NAME: Final = Judgement(Standing.UNRESOLVED, "attribute", "the name is computed when the program is compiled")
_EVALUATED_TEXT: Final = Judgement(Standing.UNRESOLVED, "code", "the loader evaluates it as Python source")


def build_torch_subjects(
    structures: Sequence[tuple[str, Structure]], unread: Iterable[tuple[str, Unread]], catalogue: Catalogue
) -> Iterator[Subject]:
    """Yield the subjects of the names in all programs of one artifact, and of members that torch does not write."""
    programs = [(address, structure) for address, structure in structures if isinstance(structure, TorchProgram)]
    judge = _MentionJudge.from_programs([program for _, program in programs], catalogue)
    for address, program in programs:
        for mention in program.mentions:
            yield from _build_mention_subjects(address, program.format, mention, judge)
    for address, structure in structures:
        if isinstance(structure, PickleProgram) and structure.layout == TORCHSCRIPT:
            for mention in dict.fromkeys(_find_native_classes(structure)):
                yield from _build_mention_subjects(address, TORCHSCRIPT, mention, judge)
    yield from _build_member_subjects(structures, unread)


def _build_member_subjects(
    structures: Sequence[tuple[str, Structure]], unread: Iterable[tuple[str, Unread]]
) -> Iterator[Subject]:
    """Yield a subject for each executable or unread member of a known format, directly in an archive of torch."""
    archives = [
        (address, structure.layout) for address, structure in structures if isinstance(structure, ArchiveListing)
    ]
    torch_layouts = {address: layout for address, layout in archives if layout.startswith(("torch-", TORCHSCRIPT))}
    for address, structure in structures:
        layout = torch_layouts.get(container_of(address))
        if isinstance(structure, Outline) and structure.format == "executable" and layout:
            member_fields: dict[str, Scalar] = {"layout": layout, "format": structure.format}
            evidence = tuple(value for _, value in structure.facts)
            yield Subject("torch-member", address, member_fields, structure.format, evidence=evidence)
    for address, absence in unread:
        layout = torch_layouts.get(container_of(address))
        if absence.format and layout:
            fields: dict[str, Scalar] = {"layout": layout, "format": absence.format}
            yield Subject("torch-member", address, fields, absence.format, evidence=(f"it is an {absence.format}",))


def _find_native_classes(program: PickleProgram) -> Iterator[TorchMention]:
    """Yield the C++ classes of torch that a pickle of the archive refers to; constructing one runs native code."""
    for event in program.events:
        if isinstance(event.operand, Name) and str(event.operand).startswith(f"{_NATIVE_CLASSES}."):
            yield TorchMention(NameUse.TYPE, str(event.operand), called=True)


class _MentionJudge(Struct, frozen=True):
    """Judges mentions by the lists and by the definitions in the archive.

    Attributes:
        catalogue: the lists of operators and of Python names; they are parsed at the first mention.
        defines: the last name of each class, function and method that the archive defines.
        types: the whole path of each class and function that the archive defines.
        fields: the fields of its classes.
    """

    catalogue: Catalogue
    defines: frozenset[str]
    types: frozenset[str]
    fields: frozenset[str]

    @classmethod
    def from_programs(cls, programs: Sequence[TorchProgram], catalogue: Catalogue) -> _MentionJudge:
        """Return a judge with the definitions of all ``programs``."""
        return cls(
            catalogue,
            frozenset(name for program in programs for name in program.defines),
            frozenset(name for program in programs for name in program.types),
            frozenset(name for program in programs for name in program.fields),
        )

    def judge_mention(self, mention: TorchMention) -> Judgement | None:
        """Return the judgement of a mention; ``None`` where the name is trusted."""
        judgement: Judgement | None
        match mention.use:
            case NameUse.OPERATOR:
                judgement = self._look_up_operator(mention.name)
                if judgement is None:
                    # Without a namespace, the name is a path through modules.
                    judgement = _UNLISTED if "::" in mention.name else self._judge_walk(mention.name)
            case NameUse.METHOD:
                judgement = self._judge_method(mention)
            case NameUse.NAME:
                judgement = self._look_up_operator(mention.name) or _UNLISTED
            case NameUse.TYPE:
                judgement = self._judge_type(mention.name)
            case NameUse.IMPORT:
                judgement = self._judge_import(mention.name)
            case NameUse.EXPRESSION:
                judgement = self._look_up_operator(f"sympy::{mention.name}") or _EVALUATED_TEXT
            case NameUse.IDENTIFIER:
                judgement = _EVALUATED_TEXT
            case NameUse.UNRESOLVED:
                judgement = _COMPUTED_NAME
        return None if judgement is None or judgement.standing is Standing.TRUSTED else judgement

    def _look_up_operator(self, name: str) -> Judgement | None:
        """Return the judgement of an operator by the lists; ``None`` for an unlisted one."""
        entry = self.catalogue.operators.get(name)
        return Judgement(entry.standing, entry.effect, entry.why, entry) if entry else None

    def _judge_method(self, mention: TorchMention) -> Judgement | None:
        """Judge an attribute of a value, which may be a field, a method of the archive or an operator of ``aten``.

        An unknown attribute is taken for a field, and trusted, unless it is called.
        """
        operator = self._look_up_operator(f"aten::{mention.name}")
        if operator is not None and operator.standing is Standing.DANGEROUS:
            # A mention without a call can be a field of that name. If no class has such a field, it is the operator
            # itself, which the code may bind to another name and call later.
            return operator if mention.called or mention.name not in self.fields else _UNLISTED
        in_other_namespaces = (
            f"{namespace}::{mention.name}" in self.catalogue.operators for namespace in ("prim", "methods")
        )
        is_known = operator is not None or mention.name in self.defines or any(in_other_namespaces)
        return None if is_known or not mention.called else _UNLISTED

    def _judge_type(self, name: str) -> Judgement | None:
        """Judge the path of a class or function; ``None`` if the archive defines it."""
        parts = name.split(".")
        # The path of a type may go on with members of it. A type has two parts at least, such as __torch__.Net.
        prefixes = [".".join(parts[:length]) for length in range(len(parts), 1, -1)]
        if name.startswith(f"{_NATIVE_CLASSES}."):
            judgements = (self._look_up_operator(prefix) for prefix in prefixes)
            return next((judgement for judgement in judgements if judgement), _UNLISTED)
        return None if any(prefix in self.types for prefix in prefixes) else _UNLISTED

    def _judge_walk(self, name: str) -> Judgement:
        """Judge a path that torch walks from module to module, and whose last attribute it calls."""
        parts = name.split(".")
        # A module on the way may hold another one as an attribute, so each tail of the path counts: os.system, say.
        judgements = (self._judge_python_name(".".join(parts[start:])) for start in range(len(parts) - 1))
        return next((each for each in judgements if each.standing is Standing.DANGEROUS), _FOUND_BY_WALK)

    def _judge_import(self, name: str) -> Judgement:
        """Judge a path that the loader imports and calls with arguments from the file."""
        judgement = self._look_up_operator(name) or self._judge_python_name(name)
        entry = judgement.entry
        if judgement.standing is Standing.TRUSTED and entry is not None and (entry.arguments or entry.construct_only):
            return _UNLISTED  # it is trusted only with certain arguments, and here they come from the file
        return judgement

    def _judge_python_name(self, name: str) -> Judgement:
        """Judge a dotted path as the name that follows the last dot, in the module before it."""
        module, _, last = name.rpartition(".")
        return judge_name(Name(module, last), self.catalogue.callables)


def _build_mention_subjects(
    address: str, format_: str, mention: TorchMention, judge: _MentionJudge
) -> Iterator[Subject]:
    """Yield the subject of a mention in a file of ``format_``, unless its name is trusted."""
    judgement = judge.judge_mention(mention)
    if judgement is None:
        return
    name = f".{mention.name}" if mention.use is NameUse.METHOD else mention.name
    line_prefix = f"line {mention.line}: " if mention.line else ""
    use = "calls" if mention.called else "names"
    where = Location(line=mention.line or None, key=mention.name)
    outline_mention = Mention(TORCH_OPERATORS, mention.use.value, name, where)
    yield build_mention_subject(
        address,
        format_,
        outline_mention,
        judgement,
        judge.catalogue.declarations,
        f"{mention.use} {mention.name}",
        f"{line_prefix}{use} {name}",
    )
