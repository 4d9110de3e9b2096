"""The composition root: builds the adapters that the settings ask for and hands them to the tiers.

Nothing else of ours imports adapters. One module per tier, so that a process loads what it runs and no more.
"""
