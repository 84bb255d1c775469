"""Engine: every verb of OTX behind one object, for every task and framework."""
