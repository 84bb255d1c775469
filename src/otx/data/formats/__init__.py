"""One file per data format: how it is recognised from content, and how Datumaro is asked to read it."""
