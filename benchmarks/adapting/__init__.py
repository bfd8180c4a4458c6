"""What `robocall adapt` and budgets come to at generated carriers, exactly as they are used from outside."""
