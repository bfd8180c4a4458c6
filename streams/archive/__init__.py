"""The archive: the topics in Parquet, asked, exported, compacted, pruned."""
