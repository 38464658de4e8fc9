"""Decides what a phone's late or repeated request means. Touches no table: `phones/` fetches, asks and carries out.

docs/reconciliation.md tells it with examples, docs/reconciliation-internals.md explains the model.
"""
