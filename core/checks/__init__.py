"""Find problems of a dataset that would spoil a model or inflate its score, and remedies."""

from core.checks.examine import examine, near_copies, run_checks
from core.checks.groups import GROUPS, describe_groups
from core.checks.remedies import apply
from core.dataset.findings import Finding, Remedy, Severity
