"""What others say about numbers, as files: do-not-originate lists, kept in one place and followed by all workers."""
