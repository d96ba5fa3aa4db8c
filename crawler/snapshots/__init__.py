"""Page snapshots: pages that have a fault, saved so that they can be replayed."""
