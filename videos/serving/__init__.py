"""Videos over HTTP: what a player needs to know, captions, stills, and uploaded files by ranges."""
