"""The web server that every service with pages shares. It knows no page and no setting."""
