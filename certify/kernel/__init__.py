"""The trusted kernel: `verify.py` imports the standard library and nothing else."""
