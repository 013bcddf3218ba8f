"""The dataset doctor: what would spoil a model or flatter its score, and what to do about it."""

from core.checks.examine import CHECKS, examine, judge
from core.checks.findings import Case, Finding, Remedy, Severity, apply

__all__ = ["CHECKS", "Case", "Finding", "Remedy", "Severity", "apply", "examine", "judge"]
