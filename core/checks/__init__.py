"""Find problems of a dataset that would spoil a model or inflate its score, and remedies."""

from core.checks.examine import CHECKS, examine, run_checks
from core.checks.findings import CheckInput, Finding, Remedy, Severity, apply

__all__ = [
    "CHECKS",
    "CheckInput",
    "Finding",
    "Remedy",
    "Severity",
    "apply",
    "examine",
    "run_checks",
]
