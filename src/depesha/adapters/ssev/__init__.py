"""SSEV (ССЕВ): its two machine interfaces as clients, its words as ours. No routing, no retry."""
