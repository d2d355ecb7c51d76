"""The edges: one outside system each, no decisions."""
