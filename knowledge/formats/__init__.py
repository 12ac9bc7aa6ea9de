"""One module per file format: bytes or text → `Extracted`. They import no Django and run in a child
process (`child.py`) that has little memory, little time and no secrets."""
