"""The desk: what people do at the console. Campaigns, what is done about a number or a call, cases and queues."""
