"""Search for better factors and dual points, in floats; the kernel trusts none of it."""
