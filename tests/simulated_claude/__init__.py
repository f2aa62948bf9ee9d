"""A simulated Claude: a strict HTTP server that plays Anthropic's Messages API, so that tests need no account."""

from .scenarios import Scenario
from .server import Recorded, SimulatedClaude

__all__ = ["Recorded", "Scenario", "SimulatedClaude"]
