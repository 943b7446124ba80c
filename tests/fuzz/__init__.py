"""Fuzz targets: every reader of other people's files, under limits of memory and time."""
