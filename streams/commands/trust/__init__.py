"""`robocall trust` and `robocall verify-identity`: whom signatures are verified by, and one header by itself."""
