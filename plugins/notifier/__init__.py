"""Tells people about alarms: through n8n, Telegram, and the hub's own page and log."""
