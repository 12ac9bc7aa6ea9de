"""What the project promises to be able to do, measured: `make benchmark`, or `make benchmark ONLY=sockets`.

Every figure of ours stands beside the bare limit, or what most people run, of the same run on the same
machine: trust the ratios.
"""
