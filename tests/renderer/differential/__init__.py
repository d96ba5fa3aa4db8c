"""The differential suite: published scripts run on real Splash and on our renderer.

A script is a section of a file in ``scripts/``. Splash's answer is right, unless the section quotes the words of
renderer/README.md that explain another answer. By hand: ``python -m tests.renderer.differential``.
"""
