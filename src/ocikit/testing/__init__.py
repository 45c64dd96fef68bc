"""Judges and doubles for tests, ours and those of others: a fake registry, a scripted transport,
small images.
"""

from ocikit.testing.fake_registry import FakeRegistry, Faults, Refusal
from ocikit.testing.scripted_transport import Exchange, ScriptedTransport

__all__ = ["Exchange", "FakeRegistry", "Faults", "Refusal", "ScriptedTransport"]
