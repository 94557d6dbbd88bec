"""Turn the calls that load models into uses: one for each name that the call may pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct, field

from modelaudit.discovery.code_file import CodeFile
from modelaudit.discovery.declared_values import OPEN, REASON
from modelaudit.discovery.names import RepositoryName
from modelaudit.discovery.python_loads import LOADED, Load
from modelaudit.languages.python.arguments import is_certainly_true
from modelaudit.languages.python.values import (
    Constant,
    Container,
    ExternalName,
    LocalDefinition,
    PartialCall,
    Unknown,
    Value,
    list_alternatives,
)
from modelaudit.model.copies import replace
from modelaudit.model.discovery import CODE_BASE, LOCAL, CallForm, ModelUse, NameForm, UseKind

_NOT_KNOWN = "the code computes it"
_PATH_NOT_KNOWN = "the code computes the path"
_TEMPORARY = "tempfile."


class _Texts(Struct):
    """What a value may be in the place of a name.

    Attributes:
        texts: the known texts.
        reason: why a further one is not known; empty if there is none.
        is_open: whether it stays unknown although other calls show texts.
        is_object: whether it may be an object, which is not a name.
        is_path: whether it may be a path that the code computes.
    """

    texts: list[str] = field(default_factory=list)
    reason: str = ""
    is_open: bool = False
    is_object: bool = False
    is_path: bool = False


class CallReader(Struct, frozen=True):
    """Reads the loads of one file."""

    file: CodeFile

    def list_uses(self, loads: Iterable[Load]) -> Iterator[ModelUse]:
        """Yield the uses of all loads; a name that is not known counts where no evaluation of the call shows one."""
        found: dict[tuple[int, str, str], dict[ModelUse, None]] = {}
        for load in loads:
            for place, use in self._read_load(load):
                found.setdefault((load.line, load.callee, place), {}).setdefault(use)
        for uses in found.values():
            known = [use for use in uses if use.name is not None]
            unknown = [use for use in uses if use.name is None]
            yield from known
            yield from [use for use in unknown if use.detail.startswith("in one call")][:1] if known else unknown[:1]

    def _read_load(self, load: Load) -> Iterator[tuple[str, ModelUse]]:
        """Yield each use of one load, with the place of its name in the call."""
        form = load.form
        keywords = dict(load.keywords)
        for name in form.nested:
            keywords = _unpack(keywords.get(name)) | keywords
        if form.local_if is not None and form.local_if[1] in self._read_texts(keywords.get(form.local_if[0])).texts:
            form = replace(form, name_form=NameForm(source=LOCAL))
            load = replace(load, form=form)
        value = next((keywords[each] for each in form.keywords if each in keywords), None)
        if value is None:
            value = self._choose_argument(load)
        for each in form.further:
            if each in keywords:
                yield from ((each, use) for use in self._read_value(load, keywords[each], keywords, is_further=True))
        if value is not None and not _is_nothing(value):
            yield from (("", use) for use in self._read_value(load, value, keywords))
        elif form.is_default_by_task:
            task = self._read_texts(load.args[0] if load.args else keywords.get("task")).texts
            detail = f"the library chooses the model of the task {task[0]}" if task else "the library chooses the model"
            yield "", self._make_use(load, None, keywords, detail)

    def _choose_argument(self, load: Load) -> Value | None:
        """Return the first of the positions of the name that holds no object."""
        for position in load.form.positions:
            if position < len(load.args):
                texts = self._read_texts(load.args[position])
                is_path = texts.is_path and load.form.name_form.source == LOCAL
                if not texts.is_object or texts.texts or texts.reason or is_path:
                    return load.args[position]
        return None

    def _read_value(
        self, load: Load, value: Value, keywords: Mapping[str, Value], is_further: bool = False
    ) -> Iterator[ModelUse]:
        """Yield a use for each name that a value may be."""
        form = load.form
        read = self._read_texts(value)
        if read.is_path and form.name_form.source == LOCAL:
            read.reason = read.reason or _PATH_NOT_KNOWN
        for text in dict.fromkeys(read.texts):
            name = self.file.names.read_name(text, form.name_form, self.file.folder)
            if name is not None and name.source == LOCAL and not form.reports_unknown:
                # The call has other uses: only what is there, or has the ending of weights, is a model.
                name = name if self.file.names.may_be_model(text, self.file.folder) else None
            if name is not None:
                yield self._make_use(load, name, keywords)
            elif form.chosen_by and _has_prefix_missing(text, form.name_form):
                yield from self._read_chosen(load, text, keywords)
        if read.reason and form.reports_unknown and (not read.texts or read.is_open) and not is_further:
            detail = f"in one call, {read.reason}" if read.is_open else read.reason
            yield self._make_use(load, None, keywords, detail)

    def _read_chosen(self, load: Load, text: str, keywords: Mapping[str, Value]) -> Iterator[ModelUse]:
        """Yield a use without a name if the library itself chooses weights for the name of an architecture."""
        chosen = keywords.get(load.form.chosen_by)
        if chosen is None and load.form.chosen_by == "pretrained" and len(load.args) > 1:
            chosen = load.args[1]
        if chosen is not None and not all(
            isinstance(each, Constant) and not each.value for each in list_alternatives(chosen)
        ):
            yield self._make_use(load, None, keywords, f"the library chooses the weights of {text}")

    def _make_use(
        self, load: Load, name: RepositoryName | None, keywords: Mapping[str, Value], detail: str = ""
    ) -> ModelUse:
        """Make the use of a name with the revision, the kind and the trust that the call states."""
        form = load.form
        revision, is_revision_known = self._read_revision(form, keywords)
        details = [each for each in (detail, name.detail if name else "") if each]
        details += [] if is_revision_known else ["the revision is not known"]
        kind = self._read_kind(name.kind if name else form.name_form.kind, keywords)
        return ModelUse(
            file=self.file.file,
            line=load.line,
            form=load.callee,
            name=name.text if name else None,
            kind=kind,
            source=name.source if name else form.name_form.source,
            revision=(name.revision if name else None) or revision,
            trusts_remote_code=True if form.runs_code else self._read_trust(load, keywords),
            detail="; ".join(details),
        )

    def _read_trust(self, load: Load, keywords: Mapping[str, Value]) -> bool | None:
        """Return whether a call lets code of the repository run; ``None`` if it does not show that."""
        is_stated = any(each in keywords for each in load.form.trust)
        is_open = load.has_further_keywords and bool(load.form.trust) and not is_stated
        return None if is_open else _read_switch(load.form.trust, keywords)

    def _read_revision(self, form: CallForm, keywords: Mapping[str, Value]) -> tuple[str | None, bool]:
        """Return the revision that a call states, and whether it is known."""
        value = next((keywords[each] for each in form.revision if each in keywords), None)
        if value is None or _is_nothing(value):
            return None, True
        read = self._read_texts(value)
        if len(set(read.texts)) == 1:
            return read.texts[0], True
        # A parameter that is ``None`` by default leaves the default branch.
        has_default = any(isinstance(each, Constant) and each.value is None for each in list_alternatives(value))
        return None, not read.texts and has_default

    def _read_kind(self, kind: UseKind, keywords: Mapping[str, Value]) -> UseKind:
        """Return the kind of repository that ``repo_type`` states."""
        texts = self._read_texts(keywords.get("repo_type")).texts
        return UseKind(texts[0]) if texts and texts[0] in tuple(UseKind) else kind

    def _read_texts(self, value: Value | None) -> _Texts:
        """Return the texts that a value may be, and why a further one is not known."""
        read = _Texts()
        for each in list_alternatives(value) if value is not None else ():
            if isinstance(each, Constant):
                items = each.value if isinstance(each.value, tuple) else (each.value,)
                read.texts += [item for item in items if isinstance(item, str)]
            elif isinstance(each, Container) and not each.keys:
                inner = [self._read_texts(item) for item in each.values]
                read.texts += [text for item in inner for text in item.texts]
                read.reason = read.reason or next((item.reason for item in inner if item.reason), "")
            elif isinstance(each, LocalDefinition | PartialCall | Container):
                read.is_object = True
            elif isinstance(each, ExternalName):
                self._read_external(each, read)
            elif isinstance(each, Unknown):
                _read_unknown(each, read)
        return read

    def _read_external(self, value: ExternalName, read: _Texts) -> None:
        """Add what is known of a name of another module, or of the result of a call of it."""
        last = value.name.rpartition(".")[2]
        is_path = value.text.startswith(("/", "~", "./")) or value.name in self.file.rules.local_results
        is_path = is_path or value.name.startswith(tuple(f"{each}." for each in self.file.rules.local_results))
        if is_path or (value.is_result and (_is_loaded_object(value) or last[:1].isupper())):
            read.is_object = True
            read.is_path = read.is_path or (is_path and not value.name.startswith(_TEMPORARY))
        elif value.name.startswith(LOADED):
            read.reason = read.reason or f"it is the attribute {last} of a loaded object"
        elif value.is_result:
            read.reason = read.reason or f"it is a result of {value.name.lstrip('.')}"
        else:
            read.reason = read.reason or f"another module defines {value.name.lstrip('.')}"


def _is_loaded_object(value: ExternalName) -> bool:
    """Whether a value is what a call that loads a model returned, and not an attribute of it."""
    return value.name.startswith(LOADED) and value.name.endswith("()")


def _read_unknown(value: Unknown, read: _Texts) -> None:
    """Add why a value is not known; a path below a folder of this machine names no repository."""
    if value.text.startswith(("/", "~", "./", "../")):
        read.is_object = read.is_path = True
        return
    tags = sorted(value.tags)
    opened = next((tag.removeprefix(OPEN) for tag in tags if tag.startswith(OPEN)), "")
    reason = next((tag.removeprefix(REASON) for tag in tags if tag.startswith(REASON)), "")
    read.is_open = read.is_open or bool(opened)
    text = value.text.removeprefix(CODE_BASE)[:80]
    known_part = f"{_NOT_KNOWN}: {text}" if text else _NOT_KNOWN
    read.reason = read.reason or opened or (f"it is {reason}" if reason else known_part)


def _unpack(value: Value | None) -> dict[str, Value]:
    """Return the items of a known mapping as keywords."""
    if not isinstance(value, Container) or len(value.keys) != len(value.values):
        return {}
    return {key: item for key, item in zip(value.keys, value.values, strict=True) if isinstance(key, str)}


def _is_nothing(value: Value) -> bool:
    """Whether a value is ``None`` in any case."""
    return isinstance(value, Constant) and value.value is None


def _has_prefix_missing(text: str, form: NameForm) -> bool:
    """Whether a text lacks the prefix of a name on the Hub."""
    return bool(form.prefixes) and not text.startswith(form.prefixes)


def _read_switch(names: Iterable[str], keywords: Mapping[str, Value]) -> bool | None:
    """Return whether a keyword lets code of the repository run; ``None`` if its value is not known."""
    value = next((keywords[each] for each in names if each in keywords), None)
    if value is None:
        return False
    if is_certainly_true(value):
        return True
    alternatives = list_alternatives(value)
    if all(isinstance(each, Constant) and not each.value for each in alternatives):
        return False
    return True if any(is_certainly_true(each) for each in alternatives) else None
