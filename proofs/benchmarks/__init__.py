"""Measurements of a real server over HTTP: `make bench`. docs/benchmarks.md holds the figures."""
