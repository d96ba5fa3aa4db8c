"""The demo site: a shop of invented books, quotes and orders that change every day."""
