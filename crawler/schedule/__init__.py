"""The schedules of spiders: their declarations, the lines for cron and systemd, and a runner for containers."""
