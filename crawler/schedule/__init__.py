"""When spiders run: what they declare, in the words of cron and systemd, and a runner of our own for containers."""
