"""What the Java peers share: the common job itself (`peers/job/*.java`) and how they are built and started."""
