"""Campaigns in the stream and in what was kept: from decisions and events to the topic `campaigns`."""
