"""Engine: every verb of OTX behind one object, for every task and framework."""

from otx.engine.engine import Engine

__all__ = ["Engine"]
