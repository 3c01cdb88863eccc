"""Compiled loops; one file per family."""
