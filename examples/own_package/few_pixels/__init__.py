"""A package whose models are in the catalog of OTX wherever it is installed."""
