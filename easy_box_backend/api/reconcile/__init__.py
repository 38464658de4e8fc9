"""Decides what a phone's late or repeated request means. Touches no table: `phones/` fetches, asks and carries out.

docs/reconciliation.md explains each rule with a story.
"""
