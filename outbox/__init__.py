"""The relay: from committed events to brokers and webhooks. It is a process of its own."""
