"""Where artifacts and promotions are kept: a folder or an object store."""
