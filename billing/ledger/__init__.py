"""Statements for the ledgers of others: journal lines, as the ledger wants them."""
