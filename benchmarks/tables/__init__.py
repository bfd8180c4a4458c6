"""Tables of the documents, one module for each part of the product: a result in, Markdown out."""
