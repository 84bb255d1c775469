"""The words that every room of OTX shares: tasks, labels, entities, models, catalog rows and errors."""
