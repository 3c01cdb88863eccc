"""What learns a baseline and scores records; one file per detector."""
