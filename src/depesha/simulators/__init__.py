"""Stand-ins of the outside world: for the demo, for tests, for partners who try their software."""
