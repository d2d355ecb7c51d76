"""Comparable systems doing the same work beside ours, in one run."""
