"""The bench: measures, never tests."""
