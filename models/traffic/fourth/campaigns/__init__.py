"""Who calls unlawfully: campaigns that are born, change and end."""
