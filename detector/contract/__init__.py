"""The contract as value types: events, decisions, the SIP answer of a block, and what the domain needs from outside."""
