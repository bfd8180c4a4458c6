"""The memory of signatures: what our own verdicts said of the calls of trunk groups, origins and signers."""
