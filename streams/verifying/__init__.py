"""`robocall verify`: set-ups that a switch published raw get their verdict, and go on to `call-events`."""
