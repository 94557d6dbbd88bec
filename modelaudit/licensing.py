"""The licence check of one model: collect claims, trace base models, conclude, answer the intended use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct, field

from modelaudit.claim_collector import ClaimCollector
from modelaudit.licenses.conclusion.openness import withhold_openness
from modelaudit.licenses.evidence.claims import is_license_file_name, summarize_declarations
from modelaudit.licenses.evidence.hub_ids import drop_revision, fold_hub_id, is_revision_of_owner
from modelaudit.licenses.evidence.restriction_sentences import has_unreadable_terms
from modelaudit.licenses.evidence.unsearched_texts import claim_uncompared_text
from modelaudit.licenses.lineage.traversal import LookupResult
from modelaudit.model.artifact import Artifact, Snapshot
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.copies import replace
from modelaudit.model.errors import GatedError, MissingError, NotCachedError, SourceError, UnconnectedError
from modelaudit.model.license import LicenseConclusion, OriginState
from modelaudit.model.limits import Limits
from modelaudit.model.reading import Structure
from modelaudit.model.report import Coverage
from modelaudit.model.structure import Unread
from modelaudit.policy.term_coverage import require_review_if_unread
from modelaudit.sources import resolve_small_files
from modelaudit.sources.small import may_state_terms
from modelaudit.wire.deadline import start_deadline

ReadArtifact = Callable[[Artifact, Limits], tuple[Sequence[tuple[str, Structure]], Sequence[tuple[str, Unread]]]]
"""Reads the structures and absences, with their addresses, of an artifact. The pipeline adds its error boundary."""


class BaseModelLookup(Struct):
    """Looks up base models on the Hub, and reads only their small files.

    Attributes:
        rules: the rule set.
        limits: bounds on reading.
        offline: whether only the Hub cache may be used.
        read: reads one artifact.
        folders: further rule folders.
        modalities: whether each base model that was read handles more than text, by its case-folded name.
        unconnected_names: case-folded names of the base models for which no connection to the Hub came about.
        incomplete_names: case-folded names of the base models with an unread file that may state terms, or at a
            revision that a stranger may have made.
        commits: the commit of the default branch of each repository, by its case-folded name.
    """

    rules: Catalogue
    limits: Limits
    offline: bool
    read: ReadArtifact
    folders: Sequence[Path] = ()
    modalities: dict[str, bool] = field(default_factory=dict)
    unconnected_names: set[str] = field(default_factory=set)
    incomplete_names: set[str] = field(default_factory=set)
    commits: dict[str, str | None] = field(default_factory=dict)

    def look_up(self, name: str, is_dataset: bool) -> LookupResult:
        """Look up one Hub repository; a repository that cannot be read is a result too and no error."""
        try:
            snapshot = resolve_small_files(name, is_dataset=is_dataset, offline=self.offline, limits=self.limits)
        except GatedError as error:
            return self._read_snapshot(name, error.snapshot, OriginState.GATED, " ".join(str(error).split())[:300])
        except MissingError as error:
            return LookupResult(OriginState.MISSING, " ".join(str(error).split())[:300])
        except NotCachedError:  # its message names a folder of this machine, which a report must not
            return LookupResult(OriginState.UNREACHED, f"{name!r} is not in the Hub cache, and the scan is offline")
        except SourceError as error:
            if isinstance(error, UnconnectedError):
                self.unconnected_names.add(fold_hub_id(name))
            return LookupResult(OriginState.UNREACHED, " ".join(str(error).split())[:300])
        # A gate denies access to all files. Where only some were not read, they may say anything, whatever the reason.
        doubt = _describe_first_absence(snapshot) or self._describe_foreign_revision(name, snapshot.commit)
        if doubt:
            self.incomplete_names.add(fold_hub_id(name))
            return self._read_snapshot(name, snapshot, OriginState.UNREACHED, doubt)
        return self._read_snapshot(name, snapshot, OriginState.READ, "")

    def _describe_foreign_revision(self, name: str, commit: str | None) -> str:
        """Describe in one line why a stranger may have made the revision that was read; empty if the owner made it.

        The default branch is looked up before the other revisions of a repository, and its commit is kept for them.
        """
        if drop_revision(name) == name:
            self.commits[fold_hub_id(name)] = commit
            return ""
        if is_revision_of_owner(name, commit, self.commits.get(fold_hub_id(drop_revision(name)))):
            return ""
        return "its revision is not known to be a branch or tag of its owner, and a pull request may state any terms"

    def _read_snapshot(self, name: str, snapshot: Snapshot | None, lookup: OriginState, detail: str) -> LookupResult:
        """Return the claims of a base model's small files, with the result ``lookup`` of fetching them.

        Args:
            name: Hub id, as the claim spells it.
            snapshot: the small files; ``None`` if there is no listing of them.
            lookup: the result of fetching them.
            detail: one line on that result; empty to summarise the claims instead.
        """
        if snapshot is None:
            return LookupResult(lookup, detail)
        collector = ClaimCollector(self.rules, self.folders)
        cut_file = self._collect_file_claims(collector, snapshot)
        if cut_file and lookup is OriginState.READ:
            seconds = self.limits.artifact_cpu_seconds
            self.incomplete_names.add(fold_hub_id(name))
            lookup = OriginState.UNREACHED
            detail = f"its files take more than {seconds:g} seconds of CPU time, so reading ended at {cut_file}"[:300]
        collector.finish(snapshot)
        if collector.multimodal is not None:
            self.modalities[fold_hub_id(name)] = collector.multimodal
        is_read = any(artifact.open is not None for artifact in snapshot.artifacts)
        if lookup is OriginState.READ and collector.claims and not is_read:
            # The Hub derives its statements from files, so a file with terms is missing from its listings.
            self.incomplete_names.add(fold_hub_id(name))
            lookup, detail = OriginState.UNREACHED, "only the Hub's own statements were read, because it lists no file"
        paths = [artifact.path for artifact in snapshot.artifacts]
        if lookup is OriginState.GATED:
            # A licence file behind the gate does not contradict the licence that the Hub shows, and never confirms it:
            # the conclusion counts every gated base model as one with unread terms.
            paths = [path for path in paths if not is_license_file_name(path)]
        return LookupResult(
            lookup,
            detail or summarize_declarations(collector.claims),
            snapshot.commit,
            tuple(collector.claims),
            tuple(paths),
        )

    def _collect_file_claims(self, collector: ClaimCollector, snapshot: Snapshot) -> str:
        """Collect the claims of the open files, within the CPU time of one artifact for all of them together.

        Returns:
            The path of the file at which the time ended; empty if all files were read.
        """
        opened = [artifact for artifact in snapshot.artifacts if artifact.open is not None]
        deadline = start_deadline(self.limits, sum(artifact.size for artifact in opened))
        for artifact in opened:
            limits = replace(self.limits, artifact_cpu_seconds=deadline.count_cpu_seconds_left())
            structures, absences = self.read(artifact, limits)
            for address, structure in structures:
                collector.collect_claims(address, structure)
            if has_unreadable_terms(artifact.path, structures, absences):
                collector.claims.append(claim_uncompared_text(artifact.path, f"{artifact.path} gave no text"))
            if deadline.has_passed():
                return artifact.path
        return ""


def doubt_unread_terms(license_: LicenseConclusion, terms: Coverage, rules: Catalogue) -> LicenseConclusion:
    """Return the conclusion with the doubt that unread files leave about the use, and about how open the weights are.

    Args:
        license_: the conclusion from the files that were read.
        terms: the coverage of the files that may state terms.
        rules: the rule set.
    """
    doubted = require_review_if_unread(license_, terms)
    is_in_doubt = bool(terms.open_absences) or not terms.anything_examined
    if doubted.openness is None or not is_in_doubt:
        return doubted
    return replace(doubted, openness=withhold_openness(doubted.openness, rules))


def _describe_first_absence(snapshot: Snapshot) -> str:
    """Describe the first artifact without content that may state terms, in one line; empty if there is none."""
    for artifact in snapshot.artifacts:
        obstacle = artifact.obstacle
        if artifact.open is None and obstacle and may_state_terms(artifact):
            return f"{artifact.path}: {obstacle.detail}"[:300]
    return ""
