"""Faster arithmetics for the kernel's rules: integers by FLINT, outward-rounded floats."""
