"""In-memory bodies of the ports: honest doubles for tests and for trying things out."""
