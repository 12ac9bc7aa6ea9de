"""Pictures from strangers: made safe, and read. All of it happens in child processes with limits, so that a
bomb, a damaged file or the models that read text cost the web process nothing. Knows no app and no Django."""
