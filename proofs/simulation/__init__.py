"""Phones, other programs and a bad network, all from a seed, against the server; see README.md."""
