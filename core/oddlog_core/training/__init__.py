"""Where torch lives, and nowhere else."""
