"""Simulates phones, other programs and a bad network against the server. All is drawn from a seed; see README.md."""
