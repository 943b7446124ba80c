"""Better factors and dual points, in floats: the kernel believes none of it."""
