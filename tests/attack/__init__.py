"""Attacks on a running gateway: the corpus (`run.py`) and chance (`fuzz.py`)."""
