"""Records as feature matrices, carrying state; one file per log."""
