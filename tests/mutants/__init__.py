"""Mutants of the kernel and its arithmetics: each must be killed by a test, or explained."""
