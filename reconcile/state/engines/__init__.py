"""The engines that can hold a workspace: one file each, and each the only door to its engine.

Everything else in the house speaks Ibis, or asks the face that they share (`state.workspace`).
"""
