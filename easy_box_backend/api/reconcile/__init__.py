"""What a phone believed against what is so: pure decisions that `actions/app_*.py` carry out. Knows no HTTP.

docs/reconciliation.md tells each rule as a story.
"""
