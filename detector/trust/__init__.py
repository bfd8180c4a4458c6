"""Who is calling: Identity headers, PASSporTs, certificates and anchors become a verdict. No network, file or clock."""
