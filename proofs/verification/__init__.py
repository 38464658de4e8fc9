"""Proofs on the real parts: a Docker Engine of its own, the images, the stack."""
