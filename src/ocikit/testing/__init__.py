"""Support for tests, ours and those of others: a fake registry, a scripted transport, small images."""

from ocikit.testing.fake_registry import Break, Disturbance, FakeRegistry, Faults, Refusal
from ocikit.testing.scripted_transport import Exchange, ScriptedTransport

__all__ = ["Break", "Disturbance", "Exchange", "FakeRegistry", "Faults", "Refusal", "ScriptedTransport"]
