"""Accounts, sessions, and what protects the console from other sites and from strangers."""
