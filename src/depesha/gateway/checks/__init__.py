"""What may enter: one pure file a check, and the table they stand in."""
