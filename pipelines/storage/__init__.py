"""How pages get into the database: transactions, rows, history, retries."""
