"""Adaptive rendering: which requests of ``render()`` plain HTTP may answer."""
