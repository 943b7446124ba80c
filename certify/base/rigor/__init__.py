"""Faster arithmetic for the kernel's rules: integers by FLINT, and outward-rounded floats."""
