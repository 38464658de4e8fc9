"""Measurements of a real server over HTTP: `make bench`. The results are in docs/benchmarks.md."""
