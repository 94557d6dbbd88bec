"""Read Python sources: the calls that load models, the settings that name one, and addresses of files on the Hub."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from msgspec import Struct, field

from modelaudit.discovery.call_uses import CallReader
from modelaudit.discovery.code_file import CodeFile
from modelaudit.discovery.commands import CommandReader
from modelaudit.discovery.modules import ModuleIndex
from modelaudit.discovery.names import NameReader
from modelaudit.discovery.python_loads import LoadEvaluator
from modelaudit.discovery.started_commands import list_started
from modelaudit.discovery.text_uses import AddressReader, SettingReader
from modelaudit.languages.python.budget import limit_steps
from modelaudit.languages.python.scopes import Scope
from modelaudit.languages.python.source import SourcePiece, fits_at_once, split_source
from modelaudit.languages.python.values import Constant, list_alternatives
from modelaudit.model.discovery import DiscoveryRules, ModelUse
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import LimitReachedError

_COMMAND_FORM: Final = "python -c"
_MOST_FAULTS: Final = 5


class SourceUses(Struct):
    """The uses in one source, and the parts that were not read."""

    uses: list[ModelUse] = field(default_factory=list)
    absences: list[Unread] = field(default_factory=list)


class PythonReader:
    """Reads the Python sources of one code base.

    Args:
        rules: the forms of calls and keys.
        names: decides whether a text is a name.
        modules: the other sources.
    """

    def __init__(self, rules: DiscoveryRules, names: NameReader, modules: ModuleIndex) -> None:
        self._rules = rules
        self._names = names
        self._modules = modules
        hosts = "|".join(re.escape(host) for host in rules.hosts)
        callees = {re.escape(callee.rpartition(".")[2]) for callee in rules.calls}
        # A source without a name of a call, a host or a text that may name a model loads nothing, and is not evaluated.
        self._marks = re.compile(rf"(?<!\w)(?:{'|'.join(sorted(callees, key=len, reverse=True))})(?!\w)|{hosts}")
        key_names = "|".join(sorted((re.escape(key) for key in rules.keys), key=len, reverse=True))
        self._key_marks = re.compile(rf"(?i:{key_names})[^\n]{{0,160}}?[\"'][A-Za-z0-9][\w.-]*/[\w.-]+[\"']")
        words = {each for form in rules.commands for each in (*form.programs, *form.modules, *form.images)}
        keys = {re.escape(each).replace("_", "[_.-]?") for each in rules.keys}
        spelt = sorted({re.escape(each) for each in words} | keys | {"models", "from", "git"}, key=len, reverse=True)
        programs = sorted({re.escape(each.rstrip("*")) for each in words}, key=len, reverse=True)
        programs += ["python", "pypy"]
        starters = sorted({re.escape(name.rpartition(".")[2]) for name in rules.command_calls})
        self._program_marks = re.compile(rf"(?<![\w-])(?:{'|'.join(programs)})(?![a-zA-Z_])")
        self._starter_marks = re.compile(rf"\b(?:{'|'.join(starters)})\b") if starters else re.compile(r"(?!)")
        self._other_marks = re.compile(rf"(?i:{'|'.join(spelt)}|{hosts})")

    def may_load(self, text: str) -> bool:
        """Whether a text of any language holds a word of a command or key, or a host of the Hub."""
        return self._other_marks.search(text) is not None or ("py" in text and self._may_load(text))

    def _may_load(self, text: str) -> bool:
        """Whether a source holds the name of a call, a host of the Hub, a command, or a key beside ``owner/name``."""
        if not text.isascii():
            # Python reads names in this form.
            text = unicodedata.normalize("NFKC", text)
        if self._marks.search(text) is not None or self._key_marks.search(text) is not None:
            return True
        return self._starter_marks.search(text) is not None and self._program_marks.search(text) is not None

    def read_command(self, text: str, path: str, file: str) -> Iterator[ModelUse]:
        """Yield the uses of a source in a command, at line 1; a part that is not read is a use that is not known."""
        found = self.read_source(text, path, file, is_command=True)
        yield from found.uses
        for absence in found.absences:
            yield ModelUse(file, 1, _COMMAND_FORM, None, detail=absence.detail)

    def read_source(self, text: str, path: str, file: str, *, is_command: bool = False) -> SourceUses:
        """Return the uses in a source.

        Args:
            text: the decoded source.
            path: of the file, below the root.
            file: its path as uses spell it.
            is_command: whether it is the argument of a command; commands in it that hold sources are not read.
        """
        result = SourceUses()
        if not self._may_load(text):
            return result
        evaluator = LoadEvaluator(limit_steps(text), self._rules, self._modules.view_from(path))
        try:
            evaluator = self._evaluate(text, evaluator, result)
        except LimitReachedError as error:
            result.absences.append(Unread(UnreadReason.LIMIT, str(error)))
        inner = None if is_command else lambda source: self.read_command(source, path, file)
        code_file = CodeFile(file, path.rpartition("/")[0], self._names, self._rules, inner)
        calls = CallReader(code_file)
        loaded = list(calls.list_uses(evaluator.loads))
        settings = self._list_settings(evaluator, code_file)
        addresses = AddressReader(code_file)
        texts = chain.from_iterable(addresses.list_uses(text, line) for text, line in evaluator.texts)
        started = list_started(evaluator.commands, CommandReader(code_file))
        result.uses = [*loaded, *started, *texts]
        listed = {use.name for use in result.uses}
        # A constant that the same file loads is listed there, and any other where it occurs first.
        for use in sorted(settings, key=lambda use: use.line):
            if use.name not in listed:
                listed.add(use.name)
                result.uses.append(use)
        return result

    def _evaluate(self, text: str, evaluator: LoadEvaluator, result: SourceUses) -> LoadEvaluator:
        """Evaluate a source twice, as ``analysis.analyze_source`` does; return the evaluator of the last pass."""
        if not fits_at_once(text):
            self._evaluate_pieces(split_source(text), evaluator, result)
            return evaluator
        pieces = list(split_source(text))
        self._evaluate_pieces(pieces, evaluator, SourceUses())
        if evaluator.budget.steps < evaluator.budget.max_steps // 2:
            evaluator = evaluator.create_next_pass()
        self._evaluate_pieces(pieces, evaluator, result)
        return evaluator

    def _evaluate_pieces(
        self, pieces: Sequence[SourcePiece] | Iterator[SourcePiece], evaluator: LoadEvaluator, result: SourceUses
    ) -> None:
        """Evaluate the pieces that parse; the others are absences, unless nothing in them could load a model."""
        evaluator.scope = Scope()
        for piece in pieces:
            reason = UnreadReason.LIMIT if piece.is_limit else UnreadReason.DAMAGED
            if piece.fault or evaluator.budget.is_exceeded:
                detail = piece.fault or "the source takes more steps than are spent on it"
                self._report(result, reason if piece.fault else UnreadReason.LIMIT, detail, piece.line, piece.text)
                continue
            evaluator.log.line_offset = piece.line - 1
            evaluator.evaluate_module(piece.body)
            evaluator.log.line_offset = 0
            lines = piece.text.split("\n") if evaluator.skipped else []
            for first, last in evaluator.skipped:
                detail = "it nests too deep, or takes too many steps, to be evaluated"
                self._report(
                    result, UnreadReason.LIMIT, detail, piece.line + first - 1, "\n".join(lines[first - 1 : last])
                )
            evaluator.skipped.clear()

    def _report(self, result: SourceUses, reason: UnreadReason, detail: str, line: int, text: str) -> None:
        """Add the absence of a part of a source that may load a model."""
        if self._may_load(text) and len(result.absences) < _MOST_FAULTS:
            result.absences.append(Unread(reason, f"line {line}: {detail}", Location(line=line)))

    def _list_settings(self, evaluator: LoadEvaluator, file: CodeFile) -> Iterator[ModelUse]:
        """Yield a use for each name, parameter, attribute or item whose key says that it names a model."""
        reader = SettingReader(file)
        for key, value, line in evaluator.settings:
            for each in list_alternatives(value):
                items = each.value if isinstance(each, Constant) else ()
                for text in items if isinstance(items, tuple) else (items,):
                    if isinstance(text, str):
                        yield from reader.list_uses(key, text, line, {}, needs_owner=True)
