"""Who may work on which partitions of a shared run, as a broker says it."""
