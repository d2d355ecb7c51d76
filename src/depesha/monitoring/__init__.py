"""The eyes: told, never asking."""
