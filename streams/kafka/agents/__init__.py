"""The agent of a Faust application; how far an application has read, and whether its tasks go on."""
