"""What an event costs with more workers, at other rates and with more tracked keys."""
