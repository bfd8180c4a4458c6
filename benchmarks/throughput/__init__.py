"""What an event costs a worker on one core, and where its time goes."""
