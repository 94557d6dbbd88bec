"""The rule set as values: what ``rules/`` says, read and validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from modelaudit.model.finding import CheckFamily, Rule, Severity
from modelaudit.model.structure import NOWHERE, Location, UnreadReason
from modelaudit.model.terms import Intent, KnownModel, LicenseEntry, OpennessPart, Restrictions, Vocabulary

Scalar = str | int | float | bool | None

EFFECTS = (
    "attribute",
    "code",
    "command",
    "deserialise",
    "environment",
    "file",
    "import",
    "introspection",
    "native",
    "network",
    "process",
)
"""The families of harm that a dangerous callable may have."""

MORE_EFFECTS = ("disclosure", "instruction", "obfuscation", "resource", "secret", "trust")
"""The further families of harm that names of other vocabularies may have."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A fact laid out for rules to match: a kind, named fields, and where it stands.

    Attributes:
        kind: what the fields describe: ``defect``, ``pickle-act``, ``digest``, ``unread``, ``license`` and the like.
        key: what tells it from its neighbours, for the finding's fingerprint.
        evidence: lines that show it.
        listing: the bytes around the place; shown once where several subjects make one finding.
        leaves: the absence that remains whichever rules match, such as that of an unlisted name.
        default: the absence that remains where no rule of its own matches, such as that of an unjudged defect.
    """

    kind: str
    artifact: str
    fields: Mapping[str, Scalar]
    key: str
    location: Location = NOWHERE
    evidence: tuple[str, ...] = ()
    listing: tuple[str, ...] = ()
    leaves: UnreadReason | None = None
    default: UnreadReason | None = None


@dataclass(frozen=True, slots=True)
class Matcher:
    """When a rule fires: a subject of kind ``on`` of which every field in ``where`` has one of the listed values."""

    subject: str
    where: tuple[tuple[str, tuple[Scalar, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class FindingRule:
    """A rule with its matchers (any of them suffices) and the sentence it reports.

    Attributes:
        message: a sentence with ``{field}`` places, filled from the subject.
        leaves: the absence that remains where the rule fires: the thing was read and is not understood.
        is_fallback: whether it fires only on subjects that no other rule matches.
        fires: fixtures in which the rule must fire; ``quiet`` those in which it must not.
    """

    rule: Rule
    match: tuple[Matcher, ...]
    message: str
    fires: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    leaves: UnreadReason | None = None
    is_fallback: bool = False


@dataclass(frozen=True, slots=True)
class RuleExample:
    """A finding that a rule makes in a fixture, for the page of the rule.

    Attributes:
        fixture: a path below ``fixtures/``.
        lines: the message of the finding, then its evidence, fit to be shown.
    """

    fixture: str
    lines: tuple[str, ...]


class Standing(StrEnum):
    """How a callable is judged by its exact name."""

    TRUSTED = "trusted"
    DANGEROUS = "dangerous"
    STANDARD_LIBRARY = "standard-library"
    UNLISTED = "unlisted"
    UNRESOLVED = "unresolved"


class ArgumentUse(StrEnum):
    """What a trusted callable does with an argument, so that the argument is judged as if that were done to it."""

    CALLS = "calls"
    CONSTRUCTS = "constructs"
    KEEPS = "keeps"
    READS = "reads"


@dataclass(frozen=True, slots=True)
class ArgumentRule:
    """A condition on the positional argument ``index``, from 0.

    Attributes:
        use: the argument is judged as called or constructed; or as kept, and called when the result is; or, for what
            is read as a file, must be a constant that was read as an artifact of its own, where it is judged.
        one_of: the argument must be one of these: a dotted name for a global, or the repr of a short word, of None,
            True or False (calls that differ in numbers and long text only are told once).
    """

    index: int
    use: ArgumentUse | None = None
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallableEntry:
    """One exact name of ``rules/callables/``.

    Attributes:
        effect: for dangerous names, the family of harm, one of ``EFFECTS``.
        why: the reason, one sentence.
        arguments: for a trusted name, the conditions under which it stays trusted; for a dangerous one, those under
            which a call of it is harmless. All of them must hold; a condition on an argument that is absent holds.
        construct_only: trusted where ``__new__`` alone makes it, unlisted where it is called.
        state: for a dangerous class: it is harmless where it is only constructed and its state is a literal in which
            each of these attributes, where it stands, is a text that the whole of the regular expression matches.
        collects: APPEND, APPENDS and ADDITEMS reach its own ``append``, ``extend`` or ``add``, and nothing a file set.
    """

    name: str
    standing: Standing
    why: str
    library: str
    effect: str = ""
    arguments: tuple[ArgumentRule, ...] = ()
    construct_only: bool = False
    collects: bool = False
    state: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DangerousModule:
    """A module of which every name is dangerous, such as ``subprocess``; submodules included."""

    module: str
    effect: str
    why: str


@dataclass(frozen=True, slots=True)
class Callables:
    """The trust and danger lists by exact name, and the modules that are dangerous as a whole.

    Attributes:
        standard_library: the top-level modules of CPython 2.7 and 3.8 to 3.14.
    """

    by_name: Mapping[str, CallableEntry]
    modules: Mapping[str, DangerousModule]
    standard_library: frozenset[str] = frozenset()


class Unlisted(StrEnum):
    """The consequence of a name that is on no list of its vocabulary."""

    ABSENT = "absent"
    """The name may select code that was not reviewed: an absence remains, so that no pass is possible."""
    QUIET = "quiet"
    """The loader cannot reach code by the name; nothing follows."""


DETECTIONS = "detections"
"""The kind of vocabulary whose mentions are findings of a reader; each needs a rule or a reason for none."""
CODE_KINDS = ("classes", "filters", "functions", "layers", "names", "operators", "plug-ins")
"""The kinds of vocabulary whose names select code; such a vocabulary cannot be quiet as a whole."""
OTHER_KINDS = ("addresses", "attributes", DETECTIONS, "drivers", "namespaces", "texts", "variables")
"""The kinds of vocabulary whose names select no code."""


@dataclass(frozen=True, slots=True)
class UnlistedPolicy:
    """The consequence of an unlisted name in one vocabulary or use.

    Attributes:
        kind: one of ``CODE_KINDS`` or ``OTHER_KINDS``.
        reason: for a quiet one, the behaviour of the loader that shows that the name selects no code.
    """

    kind: str
    unlisted: Unlisted
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Harmless:
    """Mentions that need no rule although they are dangerous by the list, or detections.

    Attributes:
        uses: the uses concerned.
        effects: the families of harm concerned; empty for all, and for detections.
        but_names: names that need a rule all the same.
    """

    uses: frozenset[str]
    effects: frozenset[str]
    reason: str
    but_names: frozenset[str] = frozenset()

    def covers(self, use: str, name: str, effect: str) -> bool:
        """Whether a mention of ``name`` in this use and with this effect needs no rule."""
        is_concerned = use in self.uses and (not self.effects or effect in self.effects)
        return is_concerned and name not in self.but_names


@dataclass(frozen=True, slots=True)
class VocabularyDeclaration:
    """``_vocabulary.yaml``: the consequence of an unlisted name, for all uses and for those that differ."""

    policy: UnlistedPolicy
    uses: Mapping[str, UnlistedPolicy] = field(default_factory=dict)
    harmless: tuple[Harmless, ...] = ()

    def policy_of(self, use: str) -> UnlistedPolicy:
        """Return the policy of one use."""
        return self.uses.get(use, self.policy)

    def is_harmless(self, use: str, name: str, effect: str) -> bool:
        """Whether such a mention needs no rule."""
        return any(each.covers(use, name, effect) for each in self.harmless)


@dataclass(frozen=True, slots=True)
class AllowedAbsence:
    """An absence that a policy accepts: any of ``reasons`` in artifacts that match the glob ``paths``.

    Attributes:
        paths: as ``fnmatch`` reads it, case and all; ``*`` passes over slashes.
        formats: what the bytes must have been recognised as; empty for any. ``no-reader`` is only accepted with it.
    """

    reasons: tuple[UnreadReason, ...]
    paths: str
    why: str
    formats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """What decides the verdict. ``fail_on`` is the lowest severity that fails; ``None`` never fails.

    ``intent`` is what the policy says of the use of the model, against which licences are read.
    """

    name: str
    description: str
    fail_on: Severity | None
    checks: tuple[CheckFamily, ...]
    allow_unread: tuple[AllowedAbsence, ...] = ()
    digest: str = ""
    intent: Intent = Intent()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class Promise:
    """What a file extension promises: ``why`` in words, ``formats`` by the names that readers give them.

    Without formats, it promises anything that cannot run code.
    """

    why: str
    formats: frozenset[str]


@dataclass(frozen=True, slots=True)
class Formats:
    """What names and bytes say of one another.

    Attributes:
        promises: by extension, lower case and with its dot.
        runs_code: for each format whose loaders run code that it brings along, how.
        inert: for each format that no loader runs anything of, why.
        defects: by format, the kinds of its defects, as in ``FormatFacts``.
    """

    promises: Mapping[str, Promise] = field(default_factory=dict)
    runs_code: Mapping[str, str] = field(default_factory=dict)
    inert: Mapping[str, str] = field(default_factory=dict)
    defects: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SkopsLoader:
    """A loader of skops: ``use`` is ``calls``, ``constructs`` or ``refers``; ``expects`` names what it is for."""

    use: str
    expects: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SkopsLoaders:
    """The loaders of skops by name, and the generators of random numbers that it may make from ``numpy.random``."""

    by_name: Mapping[str, SkopsLoader] = field(default_factory=dict)
    generators: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Standard:
    """An entry of a list by which auditors sort risks, such as CWE, MITRE ATLAS or OWASP's."""

    framework: str
    id: str
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class RetiredRule:
    """A rule that is gone: ``became`` is the id of the rule that reports the same now, ``since`` the version."""

    became: str
    since: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The whole rule set. ``digest`` is the SHA-256 over its files' names and bytes, in order.

    Attributes:
        clauses: the vocabulary in which licences are written down.
        origins: models whose licence is known where they cannot be read; they can add restrictions only.
        openness: the parts of a release by which its openness is told.
        restrictions: sentences by which authors restrict what a licence permits.
        operators: what the programs of torch may name, by exact name: ``aten::relu``, ``print``.
        vocabularies: for every other format that names what its loader acts on, the names that somebody vetted or
            knows to be dangerous: by vocabulary, then by exact name.
        declarations: the consequence of an unlisted name, by vocabulary.
        retired: rules of earlier versions by their old id.
        taxonomy: for each weakness that rules name, what it stands for in the lists of auditors, itself first.
    """

    findings: Mapping[str, FindingRule]
    callables: Callables
    licenses: Mapping[str, LicenseEntry]
    policies: Mapping[str, Policy]
    digest: str
    vague_licenses: Mapping[str, str] = field(default_factory=dict)
    formats: Formats = field(default_factory=Formats)
    operators: Mapping[str, CallableEntry] = field(default_factory=dict)
    skops: SkopsLoaders = field(default_factory=SkopsLoaders)
    vocabularies: Mapping[str, Mapping[str, CallableEntry]] = field(default_factory=dict)
    declarations: Mapping[str, VocabularyDeclaration] = field(default_factory=dict)
    retired: Mapping[str, RetiredRule] = field(default_factory=dict)
    taxonomy: Mapping[str, tuple[Standard, ...]] = field(default_factory=dict)
    clauses: Vocabulary = field(default_factory=Vocabulary)
    origins: tuple[KnownModel, ...] = ()
    openness: tuple[OpennessPart, ...] = ()
    restrictions: Restrictions = field(default_factory=Restrictions)
