"""What a newcomer sees: how soon, and how many of the robocalls are caught."""
