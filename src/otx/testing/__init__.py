"""What an outside author runs to know that an adapter is right; the tests of OTX run it over the whole catalog."""
