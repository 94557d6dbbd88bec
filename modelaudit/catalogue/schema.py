"""Define the shape of the files in ``rules/``, and explain to an author where a file has another shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Generic, TypeVar

from msgspec import Struct
from packaging.specifiers import SpecifierSet
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    TypeAdapter,
    ValidationError,
)
from pydantic.dataclasses import dataclass
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails
from pydantic_core.core_schema import no_info_after_validator_function

from modelaudit.catalogue.document import Document, Place
from modelaudit.catalogue.known_keys import list_known_keys, suggest_word
from modelaudit.model.catalogue import EFFECTS, ArgumentUse, Scalar
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import CheckFamily, Confidence, Exposure, Severity
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.pickle import Reading, Result
from modelaudit.model.structure import UnreadReason

CONFIG = ConfigDict(
    extra="forbid", alias_generator=lambda name: name.replace("_", "-"), hide_input_in_errors=True, defer_build=True
)
"""Of every shape: keys are in kebab-case, and an unknown one is an error; a part of a shape builds no validator."""


def _check_pattern(pattern: str) -> str:
    """Return a regular expression unchanged. Raises ``ValueError`` if it does not compile."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


class TextMatch(Struct, frozen=True):
    """Accepts texts that ``pattern`` matches completely; ``description`` completes the message "… is not"."""

    pattern: str
    description: str

    def check(self, text: str) -> str:
        """Return the text unchanged. Raises ``ValueError`` if the pattern does not match it."""
        if not re.fullmatch(self.pattern, text, re.ASCII):
            raise ValueError(f"{text!r} is not {self.description}")
        return text

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema) | {"pattern": f"^({self.pattern})$"}


def require_match(pattern: str, description: str) -> TextMatch:
    """Accept texts that a regular expression matches completely; ``description`` completes the message "… is not"."""
    return TextMatch(pattern, description)


def require_word(words: tuple[str, ...]) -> AfterValidator:
    """Accept one of ``words`` and nothing else."""

    def check(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r} is not one of {', '.join(words)}")
        return text

    return AfterValidator(check)


def _as_list(value: object) -> object:
    """Wrap a single value, the short form of a list with one item."""
    return value if isinstance(value, list) else [value]


def _check_scalar(value: object) -> Scalar:
    """Return a single value unchanged. Raises ``ValueError`` for a list or a mapping."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ValueError("must be a single value")


def _as_entry(value: object) -> object:
    """Expand the short form of an entry, its bare reason, to a mapping; any other value is validated as it is."""
    return {"why": value} if isinstance(value, str) else value


def _as_alternatives(value: object) -> object:
    """Expand the short form of a list with one entry; any other value is validated as it is."""
    return [value] if isinstance(value, dict) else value


DOTTED_NAME = defer_pattern(r"[^\W\d]\w*(\.[^\W\d]\w*)*[.:][^\W\d]\w*(\.[^\W\d]\w*)*", re.ASCII)
"""``module.name``; or ``module:Class.name`` for an attribute of an attribute."""

Pattern = Annotated[str, AfterValidator(_check_pattern)]
Text = Annotated[str, AfterValidator(str.strip), Field(min_length=1, json_schema_extra={"pattern": r"\S"})]
Kebab = Annotated[str, require_match(r"[a-z0-9]+(-[a-z0-9]+)*", "a word in kebab-case")]
RuleId = Annotated[str, require_match(r"[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*", "family/kebab-words")]
Flag = Annotated[bool, Field(strict=True)]
Amount = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Version = Annotated[str, require_match(r"[0-9]+\.[0-9]+\.[0-9]+", "a version such as 0.1.0")]
Cwe = Annotated[str, require_match(r"CWE-[1-9][0-9]*", "an identifier such as CWE-502")]
Url = Annotated[str, require_match(r"https?://[^\s<>\"]+", "an http or https address")]
ExactName = Annotated[str, require_match(DOTTED_NAME.pattern, "an exact dotted name of a module and something in it")]
ModuleName = Annotated[str, require_match(r"[^\W\d]\w*(\.[^\W\d]\w*)*", "the dotted name of a module")]
Attribute = Annotated[str, require_match(r"[^\W\d]\w*", "the name of something in a module, without a dot")]
SpecialKey = Annotated[str, require_match(r"__\w+__", "a key of the form __name__, which readers of pickles follow")]
IsoDate = Annotated[str, require_match(r"(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))?", "a date such as 2026-01-31")]
Extension = Annotated[str, require_match(r"\.[a-z0-9]+", "an extension in lower case with its dot, such as .json")]
FileName = Annotated[str, require_match(r"\.?[a-z0-9_-]+", "a file name in lower case without an extension")]
FieldName = Annotated[str, require_match(r"[a-z][a-z0-9_]*", "a field's name in snake_case")]
Effect = Annotated[str, require_word(EFFECTS)]
Territory = Annotated[str, require_match(r"[A-Z]{2,5}", "a territory such as DE, EU or WORLD")]
Scalars = Annotated[
    list[Annotated[Scalar, PlainValidator(_check_scalar)]], BeforeValidator(_as_list), Field(min_length=1)
]
Texts = Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)]


@dataclass(config=CONFIG)
class MatcherFile:
    """One entry of a finding's ``match``."""

    subject: Kebab
    where: dict[str, Scalars] = Field(default_factory=dict)


@dataclass(config=CONFIG)
class ExamplesFile:
    """The fixtures that a rule must and must not fire in."""

    fires: list[Text] = Field(default_factory=list)
    quiet: list[Text] = Field(default_factory=list)


def _check_range(text: str) -> str:
    """Return a range of versions unchanged. Raises ``ValueError`` if it is none."""
    SpecifierSet(text)
    return text


@dataclass(config=CONFIG)
class AffectedFile:
    """The versions of a package in which the findings of a rule do harm, with the advisory that states them."""

    package: Text
    versions: Annotated[Text, AfterValidator(_check_range)]
    advisory: Annotated[str, require_match(r"CVE-\d{4}-\d{4,7}|GHSA(-[0-9a-z]{4}){3}", "an id of a CVE or a GHSA")]


@dataclass(config=CONFIG)
class FindingFile:
    """``rules/findings/<family>/<name>.yaml``."""

    id: RuleId
    title: Text
    check: CheckFamily
    severity: Severity
    confidence: Confidence
    since: Version
    why: Text
    fix: Text
    message: Text
    match: Annotated[list[MatcherFile], Field(min_length=1)]
    leaves: UnreadReason | None = None
    fallback: bool = False
    beside_model: Severity | None = None
    started: Severity | None = None
    review: bool = False
    before_loading: Text | None = None
    exposes: Exposure = Exposure.BY_SEVERITY
    references: list[Url] = Field(default_factory=list)
    cwe: list[Cwe] = Field(default_factory=list)
    affects: Annotated[list[AffectedFile], BeforeValidator(_as_list)] = Field(default_factory=list)
    examples: ExamplesFile = Field(default_factory=ExamplesFile)


@dataclass(config=CONFIG)
class SubjectsFile:
    """``rules/subjects.yaml``: each kind of subject with its fields; a field has a description or a list of words."""

    subjects: dict[Kebab, dict[FieldName, Text | Annotated[list[Kebab], Field(min_length=1)]]]


@dataclass(config=CONFIG)
class ArgumentFile:
    """A condition on one positional argument."""

    use: ArgumentUse | None = None
    one_of: Texts | None = None
    needed: bool = False


Position = Annotated[int, Field(ge=0, le=31)]
"""The position of an argument, from 0."""
Arguments = dict[Position, ArgumentFile]


@dataclass(config=CONFIG)
class CostFile:
    """The cost of a call, as ``Cost`` describes it."""

    reads: Reading = Reading.DEEPLY
    sizes: list[Position] = Field(default_factory=list)
    shapes: list[Position] = Field(default_factory=list)
    exponents: list[Position] = Field(default_factory=list)
    result: Result | None = None


@dataclass(config=CONFIG)
class CallableFile:
    """A trusted name with its reason; a bare text is the reason.

    ``construct-only``: trusted if only ``__new__`` is called. ``refer-only``: trusted if a file only refers to it.
    ``hooks-call``: methods of its object that loading calls. ``inert``: loading runs none of its methods. ``apart``:
    inert, and trusted only while no code gets the object. ``unpickles``: keys of its state, with the formats of the
    constants that it loads, by kind. ``holds-items``: a mapping that only stores items.
    """

    why: Text
    arguments: Arguments = Field(default_factory=dict)
    construct_only: bool = False
    refer_only: bool = False
    collects: bool = False
    cost: CostFile = Field(default_factory=CostFile)
    shared: bool = False
    hooks_call: list[Text] = Field(default_factory=list)
    inert: bool = False
    apart: bool = False
    unpickles: dict[SpecialKey, dict[Text, Text]] = Field(default_factory=dict)
    holds_items: bool = False


@dataclass(config=CONFIG)
class AlikeFile(CallableFile):
    """Names of one kind, such as the layers of a library, that share their reason and conditions."""

    names: Annotated[list[ExactName], Field(min_length=1)] = Field(kw_only=True)


Named = dict[ExactName, Annotated[CallableFile, BeforeValidator(_as_entry)]]


@dataclass(config=CONFIG)
class TrustedFile:
    """``rules/callables/trusted/<library>.yaml``."""

    library: Text
    names: Named = Field(default_factory=dict)
    alike: list[AlikeFile] = Field(default_factory=list)


@dataclass(config=CONFIG)
class DangerousNameFile:
    """A dangerous name; a bare text is the reason. ``unless`` and ``unless_state`` tell which use is harmless."""

    why: Text
    effect: Effect | None = None
    unless: Arguments = Field(default_factory=dict)
    unless_state: Annotated[list[dict[str, Pattern]], BeforeValidator(_as_alternatives)] = Field(default_factory=list)


@dataclass(config=CONFIG)
class DangerousAlikeFile(DangerousNameFile):
    """Dangerous names that share reason and conditions."""

    names: Annotated[list[ExactName], Field(min_length=1)] = Field(kw_only=True)


@dataclass(config=CONFIG)
class DangerousModuleFile:
    """A module whose names are all dangerous; a bare text is the reason."""

    why: Text
    effect: Effect | None = None


@dataclass(config=CONFIG)
class DangerousFile:
    """``rules/callables/dangerous/<family>.yaml``; ``effect`` holds for every entry without its own.

    ``constants`` lists, by module, the names that hold a text or a number although their module is dangerous.
    """

    effect: Effect
    names: dict[ExactName, Annotated[DangerousNameFile, BeforeValidator(_as_entry)]] = Field(default_factory=dict)
    modules: dict[ModuleName, Annotated[DangerousModuleFile, BeforeValidator(_as_entry)]] = Field(default_factory=dict)
    alike: list[DangerousAlikeFile] = Field(default_factory=list)
    constants: dict[ModuleName, list[Attribute]] = Field(default_factory=dict)


@dataclass(config=CONFIG)
class StandardLibraryFile:
    """``rules/callables/standard-library.yaml``."""

    modules: Annotated[list[ModuleName], Field(min_length=1)]


_DESCRIPTIONS: Mapping[str, str] = {
    "string_type": "must be text; put it in quotes if it is",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "dataclass_type": "must be a mapping",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "missing": "is missing",
    "missing_argument": "is missing",
}

FORM_TAGS: Final[tuple[str, str]] = ("[word]", "[mapping]")
"""The tags of a value that is a word or a mapping."""
SIGNOFF_TAG: Final = "[sign-off]"
"""The tag of a mapping with the terms of a sign-off."""
_STEPS_OF_PYDANTIC: Final = frozenset({"[key]", *FORM_TAGS, SIGNOFF_TAG})
"""Steps to a fault that the file lacks: pydantic adds the first one where the key of a mapping is at fault."""

T = TypeVar("T")


class Shape(Generic[T]):
    """Validates documents against one shape.

    Attributes:
        shape: a dataclass of pydantic.
        former_keys: by a key that the shape does not know, the next step.
    """

    def __init__(self, shape: type[T], former_keys: Mapping[str, str] | None = None) -> None:
        self.shape = shape
        self.former_keys = former_keys or {}
        self._adapter = TypeAdapter(shape)

    def read(self, document: Document) -> T:
        """Return the document in this shape. Raises ``ConfigurationError`` with file and line of the first fault."""
        try:
            return self._adapter.validate_python(document.data)
        except ValidationError as error:
            raise self._explain_faults(error.errors(include_url=False), document) from None

    def build_json_schema(self) -> JsonSchemaValue:
        """Build the JSON Schema (draft 2020-12) of the shape."""
        return self._adapter.json_schema()

    def _explain_faults(self, faults: list[ErrorDetails], document: Document) -> ConfigurationError:
        """Make an error that describes the first two faults in plain words, and counts the others.

        A missing key comes last: it is often there under a misspelt name, and that fault is the better explanation.
        """
        first, *others = sorted(faults, key=lambda fault: fault["type"].startswith("missing"))
        text, place = self._locate_fault(first)
        for each in others[:1]:
            further, its_place = self._locate_fault(each)
            text += f"; line {document.line_of(its_place)}: {further}"
        more = f" (and {len(others) - 1} more in this file)" if len(others) > 1 else ""
        return document.error(f"{text}{more}", place)

    def _locate_fault(self, fault: ErrorDetails) -> tuple[str, Place]:
        """Describe one fault of pydantic behind the path of its place; return the place too."""
        place = tuple(step for step in fault["loc"] if step not in _STEPS_OF_PYDANTIC)
        path = ".".join(str(step) for step in place)
        return (f"{path}: " if path else "") + self._describe_fault(fault, place), place

    def _describe_fault(self, fault: ErrorDetails, place: Place) -> str:
        """Describe one fault of pydantic without its place, in the words of a rule author."""
        kind = fault["type"]
        if kind in ("enum", "literal_error"):
            # pydantic writes "'a', 'b' or 'c'".
            expected = fault["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
            hint = suggest_word(str(fault["input"]), expected.split(", "))
            return f"{fault['input']!r} is not one of {expected}{hint}"
        if kind == "unexpected_keyword_argument":
            key = str(place[-1])
            former = self.former_keys.get(key) if len(place) == 1 else None
            hint = f"; {former}" if former else suggest_word(key, list_known_keys(self.shape, place[:-1]))
            return f"is not a known key{hint}"
        if kind == "value_error":
            return str(fault["ctx"]["error"])
        return _DESCRIPTIONS.get(kind, fault["msg"])
