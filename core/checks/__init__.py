"""Find problems of a dataset that would spoil a model or inflate its score, and remedies."""

from core.checks.examine import CHECKS, examine, judge
from core.checks.findings import Case, Finding, Remedy, Severity, apply

__all__ = ["CHECKS", "Case", "Finding", "Remedy", "Severity", "apply", "examine", "judge"]
