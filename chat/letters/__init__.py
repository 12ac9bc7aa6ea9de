"""Transcripts on paper: as e-mail, and as files to download. Pure, but for the pictures' bytes."""
