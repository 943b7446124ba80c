"""Certificates: the question, the file, the verification, and the coverage of the kernel."""
